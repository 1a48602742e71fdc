import Effects
import ReleaseDefinition
import ReleaseLifecycle

/// When an outside system was asked last, and whether its answer is still waited for.
struct AskedQuestion: Sendable {
    var at: UTCInstant
    var isOpen: Bool
}

/// Stages that plans leave to outside systems: asked until they have decided; the answer is in the log like a person's.
extension Controller {
    private struct Asked: Sendable {
        var question: OutsideQuestion
        var body: ChangeQuestion
        var system: ChangeSystem
    }

    /// Asks until cancelled. The settings are read each time, so that no restart is needed. Nothing of it is kept: a
    /// controller that starts again asks again.
    nonisolated func keepChangeManagement() async throws {
        let management = ChangeManagement(folder: folder, time: time)
        // A system that takes its time is waited for by its own question alone.
        try await withThrowingDiscardingTaskGroup { group in
            while true {
                do {
                    for one in await dueQuestions(try management.settings()) {
                        group.addTask {
                            await self.take(await management.ask(one.body, one.system), to: one.question)
                        }
                    }
                } catch {
                    logger.error("change management waits", metadata: ["error": "\(ReportedError(error))"])
                }
                try await time.sleep(for: .seconds(1))
            }
        }
    }

    /// What is to be asked now: each question once at a time, and so many at once at most.
    private func dueQuestions(_ systems: [ChangeSystem]) -> [Asked] {
        let open = openQuestions(systems)
        let now = time.now()
        questionsAsked = questionsAsked.filter { asked in
            asked.value.isOpen || open.contains { $0.question == asked.key }
        }
        let free = ChangeManagement.atOnceMax - questionsAsked.values.count { $0.isOpen }
        let due = open.filter { one in
            guard let asked = questionsAsked[one.question] else { return true }
            return !asked.isOpen && asked.at + (one.system.every ?? ChangeManagement.everyDefault) <= now
        }
        // Who has waited longest goes first, so that slow systems do not keep the others out.
        .sorted { lastAsked($0) < lastAsked($1) }
        .prefix(max(free, 0))
        for one in due { questionsAsked[one.question] = AskedQuestion(at: now, isOpen: true) }
        return Array(due)
    }

    private func lastAsked(_ one: Asked) -> UTCInstant {
        questionsAsked[one.question]?.at ?? UTCInstant(secondsSince1970: 0)
    }

    private func openQuestions(_ systems: [ChangeSystem]) -> [Asked] {
        guard leads, !systems.isEmpty else { return [] }
        let now = time.now()
        return state.lifecycles.values.flatMap { lifecycle in
            lifecycle.outsideQuestions(at: now).compactMap { question in
                guard let system = systems.first(where: { $0.name == question.system }),
                    let plan = lifecycle.record.plan
                else { return nil }
                let body = ChangeQuestion(
                    release: question.release, stage: question.stage, environment: plan.environment,
                    category: plan.category, type: plan.type, summary: plan.summary, owner: plan.owner,
                    plan: question.plan, package: question.package, changes: plan.changes, schedule: plan.schedule)
                return Asked(question: question, body: body, system: system)
            }
        }
    }

    private func take(_ answer: ChangeAnswer, to question: OutsideQuestion) {
        questionsAsked[question]?.isOpen = false
        // What it was asked about may be another plan or package by now: then the answer is to nothing.
        guard isRunning, leads, state.lifecycle(question.release).outsideQuestions(at: time.now()).contains(question)
        else { return }
        do {
            switch answer.answer {
            case .approved:
                let limit = time.now() + question.valid
                let approval = LifecycleApproval(
                    stage: question.stage, person: question.person, keyID: nil, plan: question.plan,
                    package: question.package, until: min(answer.validUntil ?? limit, limit),
                    reference: answer.words)
                try tell(question.release, .approve(approval, excludesAuthor: false), by: question.person)
            case .declined:
                let decline = LifecycleCommand.decline(
                    stage: question.stage, person: question.person, reason: answer.words)
                try tell(question.release, decline, by: question.person)
            case .pending:
                logger.info(
                    "an outside system has not decided",
                    metadata: [
                        "system": "\(question.system)", "release": "\(question.release)",
                        "why": "\(FolderProgram.printable(answer.words))",
                    ])
            }
        } catch {
            logger.error(
                "an outside system's answer was not taken",
                metadata: ["system": "\(question.system)", "error": "\(ReportedError(error))"])
        }
    }
}
