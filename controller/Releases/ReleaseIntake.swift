import ControllerAPI
import DefinitionFiles
import Effects
import ForeignArchives
import Hummingbird
import NIOCore
import ReleaseDefinition
import ReleasePackaging

/// From an upload to a manifest whose blobs lie in the repository: nothing is approved by that.
struct ReleaseIntake: Sendable {
    static let uploadSizeMax = ByteCount(4 << 30)
    private static let definitionName = "release.yaml"
    private static let definitionSizeMax = ByteCount(1 << 20)

    let controller: Controller

    /// - Throws: what is wrong with the upload, in the words of the module that found it.
    func manifest(from request: RouteRequest) async throws -> (manifest: Manifest, bytes: [UInt8]) {
        let type = request.header("Content-Type").flatMap { ReleaseSubmissionType(rawValue: $0) }
        guard let type else {
            let known = ReleaseSubmissionType.allCases.map(\.rawValue).joined(separator: " or ")
            throw ControllerError(
                .unsupportedMediaType, code: "request.mediaType",
                summary: "The body is \(request.header("Content-Type") ?? "of no type"), expected is \(known).",
                remedy: "Submit a folder or a package with slipway release submit.")
        }
        let place = try controller.uploads.enter()
        defer { place.leave() }
        do { return try await take(request, type, place) } catch let error as EffectsError
            where error.code == "effects.file.noSpace"
        {
            throw ControllerError.full("The disk of the controller became full while the release was taken.")
        }
    }

    private func take(
        _ request: RouteRequest, _ type: ReleaseSubmissionType, _ place: UploadRoom.Place
    ) async throws -> (manifest: Manifest, bytes: [UInt8]) {
        let folder = controller.folder
        let work = try folder.directory.createDirectory(ControllerDirectory.workName, mode: 0o700)
        let name = Hexadecimal.encode(controller.random.bytes(8))
        let own = try work.createDirectory(name, mode: 0o700)
        defer { try? work.removeTree(name) }
        let upload = try await receive(request, copies: type == .package ? 1 : 2, place, into: own)
        let size = try upload.size().value
        let blobs = controller.publisher.blobs
        switch type {
        case .package:
            let contents = try PackageFile.read(upload, into: blobs)
            return (contents.manifest, contents.manifestBytes)
        case .sourceArchive:
            let tree = try own.createDirectory("tree", mode: 0o700).shown(as: ".")
            try SourceArchive.extract(upload, into: tree)
            try place.claim(size)
            return try await build(tree, in: own, into: blobs)
        case .foreignArchive:
            let body = try own.createDirectory("body", mode: 0o700).shown(as: ".")
            try SourceArchive.extract(upload, into: body)
            return try await buildArchive(body, size, place, in: own, into: blobs)
        }
    }

    /// The tree is what the one archive in the upload holds.
    /// - Parameter size: of the upload.
    private func buildArchive(
        _ body: Directory, _ size: Int64, _ place: UploadRoom.Place, in own: Directory, into blobs: BlobStore
    ) async throws -> (Manifest, [UInt8]) {
        let within = ReleaseSubmissionType.archiveFolder
        let folder = try body.status(within) == nil ? nil : sent(within) { try body.directory(within) }
        guard let folder, let name = try folder.list().first?.name, try folder.list().count == 1 else {
            throw ControllerError.badRequest(
                "archive", "The upload does not hold one archive below \(ReleaseSubmissionType.archiveFolder)/.",
                remedy: "Submit it with slipway release submit.")
        }
        let tree = try own.createDirectory("tree", mode: 0o700).shown(as: name)
        let archive = try sent(name) { try folder.openFile(name) }
        let unpacked = try unpack(archive, size, place, named: name, into: tree)
        let definition = try sent(Self.definitionName) {
            try body.readIfPresent(Self.definitionName, sizeMax: Self.definitionSizeMax)
        }
        return try await build(tree, archive: unpacked, definition: definition, in: own, into: blobs)
    }

    /// The tree that comes of it and the blobs that are built of that may each take half of what is claimed.
    private func unpack(
        _ archive: OpenFile, _ size: Int64, _ place: UploadRoom.Place, named name: String, into tree: Directory
    ) throws -> UnpackedArchive {
        var bounds = ArchiveBounds()
        // An archive that is larger than the bounds of all is refused as that, however much room there is.
        let most = min(bounds.sizeMax.value, max(size * bounds.ratioMax, bounds.freeOfRatio.value))
        let room = try place.claimHalf() / 2
        bounds.sizeMax = ByteCount(min(most, room))
        do { return try ForeignArchive.unpack(archive, named: name, into: tree, bounds: bounds) } catch {
            guard room < most, (error as? ForeignArchiveError)?.code == "foreignArchives.size" else { throw error }
            throw ControllerError.full(
                "The archive \(name) unpacks to more than \(ByteCount(room)), for which the controller has room.")
        }
    }

    /// - Parameter copies: how many times what comes is written again at most: a tar that is no larger than its upload is
    ///   unpacked, and blobs are made of that.
    private func receive(
        _ request: RouteRequest, copies: Int64, _ place: UploadRoom.Place, into own: Directory
    ) async throws -> OpenFile {
        let announced = request.header("Content-Length").flatMap { Int64($0) } ?? 0
        try place.claim(announced * (1 + copies))
        let file = try own.createFile("upload", mode: 0o600)
        var received: Int64 = 0
        try await request.readBody { part in
            received += Int64(part.readableBytes)
            // What is announced, or has come already, and all that is made of it.
            try place.claim(max(announced - received, Int64(part.readableBytes)) + max(announced, received) * copies)
            try file.write(Array(part.readableBytesView))
        }
        return try own.openFile("upload")
    }

    /// What is there under this name is the sender's doing; a file that is not there is told by whoever needs it.
    private func sent<Value>(_ name: String, _ read: () throws -> Value) throws -> Value {
        do { return try read() } catch let error as EffectsError where Self.faultsOfSenders.contains(error.code) {
            throw PackagingError(
                code: "source.file", summary: "\(name) cannot be taken from what was sent.",
                remedy:
                    "Send a plain file of that name, no link; \(Self.definitionName) and what it names have at most "
                    + "\(Self.definitionSizeMax).", cause: error.description)
        }
    }

    private static let faultsOfSenders: Set = [
        "effects.file.escape", "effects.file.isDirectory", "effects.file.notDirectory", "effects.file.notFile",
        "effects.file.tooLarge",
    ]

    /// - Parameters:
    ///   - archive: what the tree was unpacked from, where it was an archive.
    ///   - definition: counts before the tree's own.
    private func build(
        _ tree: Directory, archive: UnpackedArchive? = nil, definition given: [UInt8]? = nil, in own: Directory,
        into blobs: BlobStore
    ) async throws -> (Manifest, [UInt8]) {
        let text: [UInt8]
        do {
            text =
                try given
                ?? sent(Self.definitionName) {
                    try tree.read(Self.definitionName, sizeMax: Self.definitionSizeMax)
                }
        } catch let error as EffectsError where error.code == "effects.file.absent" {
            throw ControllerError(
                .unprocessableContent, code: "request.definitionMissing",
                summary: "The release folder holds no \(Self.definitionName).",
                remedy: "Write one beside the files: docs/definition-files.md has every key and an example.")
        }
        let definition = try ReleaseFile.parse(text, file: Self.definitionName)
        // The same folder again must give the same bytes: built like the first time, upon what that made.
        let known = await controller.manifest(of: definition.name)
        let newest = await controller.newestManifest(of: definition.product)
        let base = known ?? newest
        // A version that is there stays as it is: what comes out of it now is only compared.
        let output = known == nil ? blobs : BlobStore(try own.createDirectory("again", mode: 0o700), .scratch)
        let sourceDate = known?.build.sourceDate ?? controller.time.now().wholeSeconds
        let sources = try ReleaseSources(
            definition, from: tree, tree: archive, in: own.createDirectory("sources", mode: 0o700),
            sourceDate: sourceDate)
        let values = try SignedValuesFile.readAll(of: definition) { path in
            try sent(path) { try tree.read(path, sizeMax: Self.definitionSizeMax) }
        }
        let built = try await PackageBuilder.build(
            definition, from: tree, inputs: sources.inputs.with(values), into: output, sourceDate: sourceDate,
            base: base.map { PackageBase($0, in: blobs) },
            level: known?.build.compressionLevel ?? PackageBuilder.levelDefault)
        return (built.manifest, built.manifestBytes)
    }
}
