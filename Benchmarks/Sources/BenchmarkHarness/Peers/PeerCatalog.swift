import Foundation

/// Where peers lie: their programs in the clone, their environments in the user's cache.
public struct PeerCatalog: Sendable {
    /// The folder of the programs `NAME_peer.py`.
    public var programs: String
    /// The folder of the environments, one for each name, made by `setup`.
    public var environments: String

    /// The folders of this clone and this user.
    ///
    /// - Parameter programs: another folder of programs.
    public init(programs: String? = nil, environment: [String: String] = ProcessInfo.processInfo.environment) {
        // This file is Benchmarks/Sources/BenchmarkHarness/Peers/PeerCatalog.swift.
        let benchmarks = (0..<4).reduce(URL(fileURLWithPath: #filePath)) { url, _ in url.deletingLastPathComponent() }
        self.programs = programs ?? benchmarks.appendingPathComponent("peers").path
        let cache = environment["XDG_CACHE_HOME"] ?? "\(environment["HOME"] ?? "")/.cache"
        environments = environment["ATTENTION_KERNELS_PEERS"] ?? "\(cache)/attention-kernels/peers"
    }

    /// What starts a peer.
    struct Launch {
        var executable: String
        var arguments: [String]
        /// Variables beside those of the harness.
        var variables: [String: String]
    }

    /// The names of all peers that have a program, in alphabetical order, each followed by its variants.
    public var names: [String] {
        let files = (try? FileManager.default.contentsOfDirectory(atPath: programs)) ?? []
        return files.filter { $0.hasSuffix(Self.suffix) }.sorted().flatMap { file in
            let name = file.dropLast(Self.suffix.count).split(separator: "_").joined(separator: "-")
            let variants =
                (try? FileManager.default.contentsOfDirectory(atPath: "\(environments)/\(name)/variants")) ?? []
            return [name] + variants.sorted().map { "\(name)+\($0)" }
        }
    }

    /// `names`, each of which has a program.
    ///
    /// - Throws: ``HarnessError`` that names the one that has none. Whether the others are set up shows when they start.
    public func known(_ names: [String]) throws(HarnessError) -> [String] {
        for name in names where !FileManager.default.fileExists(atPath: program(name)) {
            throw HarnessError("--peers: \"\(name)\" should be among \(self.names.joined(separator: ", ")), or all")
        }
        return names
    }

    /// The program of a peer or of a variant of one.
    private func program(_ name: String) -> String {
        let base = name.prefix { $0 != "+" }
        return "\(programs)/\(base.split(separator: "-").joined(separator: "_"))\(Self.suffix)"
    }

    /// How to start the peer `name`, or `name+variant`, whose variables stand in the file `variants/VARIANT` of its
    /// environment, one `NAME=value` a line.
    ///
    /// - Throws: ``ContestantFailure`` if there is no such peer or it has not been set up.
    func launch(_ name: String) throws(ContestantFailure) -> Launch {
        let parts = name.split(separator: "+", maxSplits: 1).map(String.init)
        let base = parts.first ?? name
        let program = program(name)
        guard FileManager.default.fileExists(atPath: program) else {
            throw ContestantFailure("there is no such peer; there are \(names.joined(separator: ", "))")
        }
        let python = "\(environments)/\(base)/bin/python"
        // The mark of an environment that was made to its end.
        let mark = "\(environments)/\(base)/complete"
        guard FileManager.default.isExecutableFile(atPath: python), FileManager.default.fileExists(atPath: mark) else {
            throw ContestantFailure("it is not set up; run Benchmarks/peers/setup \(base)")
        }
        var variables: [String: String] = [:]
        if parts.count == 2 {
            let path = "\(environments)/\(base)/variants/\(parts[1])"
            guard let text = try? String(contentsOfFile: path, encoding: .utf8) else {
                throw ContestantFailure("\(base) has no variant \(parts[1]) on this machine")
            }
            for line in text.split(separator: "\n") {
                let pair = line.split(separator: "=", maxSplits: 1).map(String.init)
                if pair.count == 2 { variables[pair[0]] = pair[1] }
            }
        }
        return Launch(executable: python, arguments: ["-u", program], variables: variables)
    }

    private static let suffix = "_peer.py"
}
