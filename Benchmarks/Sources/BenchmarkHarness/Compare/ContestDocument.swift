/// One case that contestants took turns at.
public protocol ContestCase: Codable, Sendable, Equatable {
    /// What such a document holds, for errors.
    static var noun: String { get }
    /// The name of the document's files, which is that of the verb.
    static var fileName: String { get }
    /// What the page is about.
    static var title: String { get }
    /// The columns that every contestant's row of a CSV file begins with.
    static var columns: [String] { get }
    /// The values of ``columns``.
    var cells: [String] { get }
    /// What the case has in common with those that share a table.
    var heading: String { get }
    /// The case in words.
    var name: String { get }
    /// Whether something else used the machine.
    var disturbed: Bool { get }
    /// The rows: the library's first.
    var entries: [ContestEntry] { get set }
    /// A table of cases of one heading, the one that people look at first.
    static func table(_ cases: [Self]) -> TextTable
    /// A further table of them; nil if there is none.
    static func details(_ cases: [Self]) -> TextTable?
}

/// The result of a run of `gemm` or `compare`: what its JSON file holds.
public struct ContestDocument<Kind: ContestCase>: ResumableDocument, Sendable, Equatable {
    public static var noun: String { Kind.noun }

    /// Where it ran.
    public var machine: MachineReport
    /// What `git describe --always --dirty` says of the source.
    public var commit: String
    /// When the last case ended, ISO 8601 in UTC.
    public var date: String
    /// The libraries that were named.
    public var peers: [PeerReport]
    /// The cases.
    public var cases: [Kind]
    /// The rounds of a case.
    public var rounds: Int
    /// The seed of the numbers.
    public var seed: UInt64
    /// Whether every case was run; nil in older files, which were.
    public var complete: Bool?
    /// What a run must have that goes on from this one; nil in older files.
    public var plan: String?

    public var conditions: String { plan ?? "" }
    /// Whether every case was run.
    public var isComplete: Bool { complete ?? true }
    /// Whether the library itself computed a wrong result, or failed.
    public var hasFailed: Bool { cases.contains { $0.entries.ours == nil } }
}

extension ContestDocument {
    /// What is printed at the end: peers, tables, means, problems.
    public func terminal(folder: String) -> String {
        var text = "\(machine.name), \(machine.cores) cores, commit \(commit)\n"
        text += peers.map { "peer \($0.line)\n" }.joined()
        for part in parts {
            text += "\n\(part.heading)\n\n" + part.tables.map(\.aligned).joined(separator: "\n")
        }
        for problem in problems { text += "\n\(problem)\n" }
        return text + "\n" + conclusion(folder)
    }

    /// The page of the machine.
    public var markdown: String {
        var lines = [
            "# \(Kind.title): \(machine.name), \(machine.cores) cores", "",
            "Written by `attention-bench \(Kind.fileName)`; commit \(commit); \(date); \(rounds) rounds. How it is measured "
                + "is told in Benchmarks/README.md.", "",
        ]
        lines += peers.map { "* \($0.line)" }
        for part in parts { lines += ["", "## \(part.heading)", ""] + part.tables.map(\.markdown) }
        lines += problems.flatMap { [$0, ""] }
        return lines.joined(separator: "\n")
    }

    /// A line for each contestant of each case.
    public var csv: String {
        let lines = cases.flatMap { result in result.entries.map { result.cells + EntryText.cells($0) } }
        return CSV.lines([Kind.columns + EntryText.columns] + lines)
    }

    /// The tables of the cases that share a heading.
    private var parts: [(heading: String, tables: [TextTable])] {
        var seen: Set<String> = []
        return cases.map(\.heading).filter { seen.insert($0).inserted }.map { heading in
            let members = cases.filter { $0.heading == heading }
            let means = EntryText.means(members.map(\.entries))
            return (
                heading,
                [Kind.table(members)] + (means.isEmpty ? [] : [means]) + [Kind.details(members)].compactMap(\.self)
            )
        }
    }

    private var problems: [String] {
        var lines = EntryText.problems(cases.map { ($0.name, $0.entries) })
        let disturbed = cases.count(where: \.disturbed)
        if disturbed > 0 { lines.append(EntryText.disturbance(disturbed, of: cases.count)) }
        return lines
    }

    /// Where the results are, or how to go on.
    private func conclusion(_ folder: String) -> String {
        if isComplete {
            let name = Kind.fileName
            return "Results are in \(folder)/\(machine.folderName)/\(name).md, \(name).csv and \(name).json.\n"
        }
        return
            "Interrupted after \(cases.count) cases, which are kept in \(PartialRun.path(Kind.fileName, in: folder)). "
            + "The same command with --resume goes on from there.\n"
    }

    /// Keeps what an unfinished run has, beside the results of earlier ones.
    ///
    /// - Throws: ``HarnessError`` if the file cannot be written.
    public func keep(in directory: String) throws(HarnessError) {
        try OutputFile.write(json(), to: PartialRun.path(Kind.fileName, in: directory))
    }

    /// Writes `directory/<machine>/<name>.json`, `.csv` and `.md` of a complete run, or keeps an interrupted one.
    ///
    /// - Throws: ``HarnessError`` if a file cannot be written.
    public func finish(in directory: String) throws(HarnessError) {
        guard isComplete else { return try keep(in: directory) }
        let path = "\(directory)/\(machine.folderName)/\(Kind.fileName)"
        try OutputFile.write(json(), to: path + ".json")
        try OutputFile.write(csv, to: path + ".csv")
        try OutputFile.write(markdown, to: path + ".md")
        PartialRun.remove(Kind.fileName, in: directory)
    }
}
