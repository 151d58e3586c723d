/// Rows of contests as text, for `gemm` and `compare` alike.
enum EntryText {
    /// The columns that every contestant's row of a CSV file has after those of its case.
    static let columns = [
        "contestant", "medianMs", "minMs", "maxMs", "measurements", "rounds", "gflops", "percentOfRoof", "maxError",
        "errorBound", "ratio", "ratioLow", "ratioHigh", "verdict", "problem",
    ]

    /// The values of ``columns``; empty where there are none.
    static func cells(_ entry: ContestEntry) -> [String] {
        func text(_ value: (some CustomStringConvertible)?) -> String { value?.description ?? "" }
        return [
            entry.contestant, text(entry.medianMs), text(entry.minMs), text(entry.maxMs), text(entry.measurements),
            text(entry.rounds), text(entry.gflops), text(entry.percentOfRoof), text(entry.maxError),
            text(entry.errorBound), text(entry.ratio), text(entry.ratioLow), text(entry.ratioHigh),
            entry.verdict?.rawValue ?? "", entry.problem ?? "",
        ]
    }

    /// Significant digits, or a hyphen.
    static func number(_ value: Double?, digits: Int = 4) -> String {
        value.map { NumberText.significant($0, digits: digits) } ?? "-"
    }

    /// Name, ratio, interval and verdict of a peer; hyphens for none.
    static func comparison(_ peer: ContestEntry?) -> [String] {
        guard let peer, let ratio = peer.ratio, let low = peer.ratioLow, let high = peer.ratioHigh else {
            return [peer?.contestant ?? "-", "-", "-", ""]
        }
        return [
            peer.contestant, NumberText.fixed(ratio, 3), "\(NumberText.fixed(low, 3)) to \(NumberText.fixed(high, 3))",
            peer.verdict?.rawValue ?? "",
        ]
    }

    /// A row for each peer, and for the best one of each case, with the geometric mean of the ratios.
    static func means(_ cases: [[ContestEntry]]) -> TextTable {
        var table = TextTable([
            ("time of the peer / ours", .left), ("cases", .right), ("geometric mean", .right),
            ("95 % interval", .left), ("faster", .right), ("tie", .right), ("slower", .right),
        ])
        var order: [String] = []
        for entry in cases.joined() where entry.ratio != nil && !order.contains(entry.contestant) {
            order.append(entry.contestant)
        }
        func add(_ name: String, _ entries: [ContestEntry]) {
            guard let mean = Bootstrap.geometricMean(entries.compactMap(\.bootstrap)) else { return }
            let counts = [Verdict.faster, .tie, .slower].map { verdict in "\(entries.count { $0.verdict == verdict })" }
            table.add(
                [
                    name, "\(entries.count)", NumberText.fixed(mean.value, 3),
                    "\(NumberText.fixed(mean.interval.lowerBound, 3)) to \(NumberText.fixed(mean.interval.upperBound, 3))",
                ] + counts)
        }
        for name in order {
            add(name, cases.joined().filter { $0.contestant == name && $0.ratio != nil })
        }
        if order.count > 1 { add("best peer of each case", cases.compactMap(\.bestPeer).filter { $0.ratio != nil }) }
        return table
    }

    /// A sentence for each reason that a contestant has no time, with the cases it holds for.
    static func problems(_ cases: [(name: String, entries: [ContestEntry])]) -> [String] {
        var order: [String] = []
        var names: [String: [String]] = [:]
        for (name, entries) in cases {
            for entry in entries {
                guard let problem = entry.problem else { continue }
                let sentence = "\(entry.contestant): \(problem)"
                if names[sentence] == nil { order.append(sentence) }
                names[sentence, default: []].append(name)
            }
        }
        return order.map { sentence in
            let cases = names[sentence] ?? []
            let shown =
                cases.prefix(3).joined(separator: "; ") + (cases.count > 3 ? "; and \(cases.count - 3) more" : "")
            return "\(sentence) [\(shown)]"
        }
    }

    /// The sentence about cases beside which something else used the machine.
    static func disturbance(_ disturbed: Int, of count: Int) -> String {
        "The machine was disturbed: beside \(disturbed) of \(count) cases the peak fell more than 5 % below the run's, "
            + "or other work used the cores. Run again on an idle machine."
    }
}
