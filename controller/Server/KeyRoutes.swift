import ControllerAPI
import Hummingbird
import ReleaseDefinition
import ReleaseTrust

extension ControllerRoutes {
    /// Metadata of a large repository travels whole.
    private static let changeSizeMax = ByteCount(32 << 20)

    static func keys(_ controller: Controller) -> [Route] {
        [
            Route(.get, "/v1/keys", access: .person(.view)) { _ in
                Responses.json(try await controller.keysView())
            },
            Route(.get, "/v1/keys/changes/{id}", access: .person(.view), scope: .change) { request in
                let id = request.parameters["id"] ?? ""
                return Responses.json(try await controller.changeView(id))
            },
            Route(
                .post, "/v1/keys/changes/{id}/signatures", access: .person(.sendSignatures), scope: .change
            ) { request in
                let upload = try await request.json(SignatureUpload.self)
                let id = request.parameters["id"] ?? ""
                return Responses.json(try await controller.signView(id, upload, by: request.actor))
            },
            Route(.post, "/v1/keys/changes/{id}/drop", access: .person(.administer)) { request in
                let body = try await request.json(ReasonRequest.self)
                let id = request.parameters["id"] ?? ""
                return Responses.json(try await controller.dropView(id, reason: body.reason, by: request.actor))
            },
            Route(.post, "/v1/keys/changes", access: .person(.administer), bodySizeMax: changeSizeMax) { request in
                let body = try await request.json(MetadataChangeRequest.self)
                let view = try await controller.propose(body, by: request.actor)
                return Responses.json(view, status: .created)
            },
            Route(.post, "/v1/keys/rotate", access: .person(.administer)) { request in
                let body = try await request.json(OnlineRotationRequest.self)
                _ = try await controller.rotateOnline(body.role, by: request.actor)
                return Responses.json(try await controller.keysView())
            },
            Route(.post, "/v1/keys/reload", access: .person(.administer)) { request in
                _ = try await request.json(ReasonRequest.self)
                _ = try await controller.reloadKeys(by: request.actor)
                return Responses.json(try await controller.keysView())
            },
            Route(.post, "/v1/keys/profile", access: .person(.administer)) { request in
                let body = try await request.json(ProfileRequest.self)
                return Responses.json(try await controller.choose(body.profile, by: request.actor))
            },
        ]
    }
}

extension Controller {
    func changeView(_ id: String) throws -> MetadataChangeView { view(try change(id)) }

    func signView(_ id: String, _ upload: SignatureUpload, by actor: String) throws -> MetadataChangeView {
        view(try sign(id, upload, by: actor))
    }

    func dropView(_ id: String, reason: String, by actor: String) throws -> MetadataChangeView {
        view(try dropChange(id, reason: reason, by: actor))
    }

    /// Edits of keys, as an administrator asks for them: nothing comes of it without the signatures.
    func propose(_ request: MetadataChangeRequest, by actor: String) throws -> ListView<MetadataChangeView> {
        let edits: [RoleEdit]
        do {
            edits = try request.edits.map { try JSONCoding.decode(RoleEdit.self, from: $0) }
        } catch {
            throw ControllerError.badRequest(
                "edits", "An edit of the metadata cannot be read.",
                remedy: "Use the slipway of this controller's version.",
                cause: "\(error)")
        }
        for edit in edits {
            switch edit {
            case .approve, .withdraw, .floor:
                throw ControllerError.badRequest(
                    "edits", "Releases are approved and withdrawn by their own routes.",
                    remedy: "Use slipway release submit, promote or withdraw.")
            case .delegate(_, let environments): for one in environments { try checkEnvironment(one) }
            case .topKeys, .delegatedKeys: try checkNames(edit.newHolders)
            case .renew: continue
            }
        }
        if case .waiting(let id) = try change(edits, reason: request.reason, by: actor) {
            return ListView(items: [view(try change(id))])
        }
        return ListView(items: [])
    }

    /// "Alice" would be nobody who submits or plans as alice, and could sign what alice may not.
    private func checkNames(_ holders: [KeyHolder]) throws {
        let known = Set(try repository.survey().flatMap(\.signers).map { [$0.name, $0.keyID] })
        for holder in holders where !known.contains([holder.name, holder.key.keyID]) {
            _ = try Self.checkedPerson(holder.name)
        }
    }

    /// - Throws: `controller.conflict.profile` where the keys do not earn it.
    func choose(_ profile: TrustProfile, by actor: String) throws -> KeysView {
        // Whatever the profile brings itself, as the authorisation of rollouts, is no reason to refuse it.
        let unearned = try keysView(as: profile).unearned(profile)
        guard unearned.isEmpty else {
            let words = unearned.enumerated().map { number, claim in
                "(\(number + 1)) \(claim.claim) Not earned: \(claim.missing ?? "")."
            }
            throw ControllerError.conflict(
                "profile",
                "The profile \(profile.rawValue) makes \(unearned.count.of("promise")) that this set-up does not keep. "
                    + words.joined(separator: " "),
                remedy: "Do what is named with each, then choose the profile again; slipway keys status lists them all."
            )
        }
        if self.profile != profile {
            try commit(.profileChosen(ProfileChosen(profile: profile.rawValue)), by: actor, at: time.now())
        }
        return try keysView()
    }
}

extension RoleEdit {
    fileprivate var newHolders: [KeyHolder] {
        let signers: [RoleSigners?] =
            switch self {
            case .topKeys(let keys): [keys.root, keys.targets, keys.snapshot, keys.timestamp]
            case .delegatedKeys(let keys): [keys.director, keys.approvers, keys.emergency]
            case .approve, .withdraw, .floor, .renew, .delegate: []
            }
        return signers.compactMap(\.self).flatMap(\.holders)
    }
}
