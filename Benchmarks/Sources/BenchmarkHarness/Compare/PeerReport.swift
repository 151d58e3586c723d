/// What is known of a peer of a run.
public struct PeerReport: Codable, Sendable, Equatable {
    /// Its name in the rows.
    public var name: String
    /// What it says of its version.
    public var version: String?
    /// Where it was loaded from.
    public var path: String?
    /// Why it takes no part: one sentence.
    public var problem: String?

    /// A report.
    public init(name: String, version: String? = nil, path: String? = nil, problem: String? = nil) {
        self.name = name
        self.version = version
        self.path = path
        self.problem = problem
    }

    /// `OpenBLAS: 0.3.34, SkylakeX kernels`, or why it is missing.
    var line: String {
        "\(name): \(problem ?? version ?? "unknown version")" + (path.map { " (\($0))" } ?? "")
    }
}
