/// The cases of one panel: everything equal but length and kernel.
public struct SweepPanel: Sendable, Equatable {
    /// What the panel's cases have in common.
    public struct Key: Sendable, Hashable {
        var dtype: String
        var batch: Int
        var heads: Int
        var kvHeads: Int
        var headDim: Int
        var valueDim: Int
        var mask: String
        var isa: String
        var threads: Int

        init(_ result: CaseResult) {
            (dtype, batch, heads, kvHeads) = (result.dtype, result.batch, result.heads, result.kvHeads)
            (headDim, valueDim, mask) = (result.headDim, result.valueDim, result.mask)
            (isa, threads) = (result.isa, result.threads)
        }

        /// `f32, B=1 H=8 D=64, causal, 2 threads, avx512`.
        var text: String { "\(shapeText), \(maskText), \(threadsText), \(isa)" }

        var maskText: String { mask == "none" ? "no mask" : mask }

        /// What does not differ between the panels of one figure.
        var shapeText: String {
            let headText = heads == kvHeads ? "H=\(heads)" : "H=\(heads)/\(kvHeads)"
            let width = headDim == valueDim ? "\(headDim)" : "\(headDim)/\(valueDim)"
            return "\(dtype), B=\(batch) \(headText) D=\(width)"
        }

        var threadsText: String { "\(threads) thread\(threads == 1 ? "" : "s")" }
    }

    /// What the cases have in common.
    public let key: Key
    /// The cases, in the order they were measured.
    public let cases: [CaseResult]

    /// The panels of `cases`, in the order in which they first appear.
    ///
    /// - Parameter byThreads: whether cases of different numbers of threads are kept apart.
    public static func panels(_ cases: [CaseResult], byThreads: Bool = true) -> [SweepPanel] {
        var order: [Key] = []
        var byKey: [Key: [CaseResult]] = [:]
        for result in cases {
            var key = Key(result)
            if !byThreads { key.threads = 0 }
            if byKey[key] == nil { order.append(key) }
            byKey[key, default: []].append(result)
        }
        return order.map { SweepPanel(key: $0, cases: byKey[$0] ?? []) }
    }

    /// The lengths in the order they were measured: `128`, or `448x1500`.
    var lengths: [String] {
        var seen: Set<String> = []
        return cases.map(\.lengthText).filter { seen.insert($0).inserted }
    }

    /// The case of one kernel at one length.
    func result(_ kernel: String, _ length: String) -> CaseResult? {
        cases.first { $0.kernel == kernel && $0.lengthText == length }
    }

    /// `4.2x`: how much faster `result` is than the same length by `kernel`; a hyphen if that was not measured.
    func speedUp(_ result: CaseResult, over kernel: String) -> String {
        guard result.kernel != kernel, let other = self.result(kernel, result.lengthText), result.medianMs > 0 else {
            return "-"
        }
        return NumberText.significant(other.medianMs / result.medianMs, digits: 3) + "x"
    }
}

extension CaseResult {
    /// `87.5 (DRAM)`: the share of the bound, and which bound it is.
    var boundText: String {
        guard let percentOfBound, let bound else { return "-" }
        return "\(NumberText.fixed(percentOfBound, 1)) (\(bound))"
    }

    var lengthText: String { queryLength == keyLength ? "\(queryLength)" : "\(queryLength)x\(keyLength)" }
}

/// The tables of a sweep.
public enum SweepTables {
    /// A table for each panel, with a heading, aligned for a terminal.
    public static func terminal(_ document: SweepDocument) -> String {
        SweepPanel.panels(document.cases).map { $0.key.text + "\n\n" + cases($0).aligned }.joined(separator: "\n")
    }

    /// A row for each case of a panel.
    static func cases(_ panel: SweepPanel) -> TextTable {
        var table = TextTable([
            ("length", .right), ("kernel", .left), ("median ms", .right), ("min", .right), ("max", .right),
            ("reps", .right), ("GFLOP/s", .right), ("% peak", .right), ("% bound", .right), ("bound", .left),
            ("vs naive", .right), ("vs blocked", .right), ("max error", .right), ("", .left),
        ])
        for result in panel.cases {
            table.add([
                result.lengthText, result.kernel, NumberText.significant(result.medianMs),
                NumberText.significant(result.minMs), NumberText.significant(result.maxMs), "\(result.repetitions)",
                NumberText.significant(result.gflops), NumberText.fixed(result.percentOfPeak, 1),
                result.percentOfBound.map { NumberText.fixed($0, 1) } ?? "-", result.bound ?? "-",
                panel.speedUp(result, over: "naive"), panel.speedUp(result, over: "blocked"),
                NumberText.error(result.maxError), result.disturbed ? "disturbed" : "",
            ])
        }
        return table
    }

    /// A table of one panel in Markdown, a row for each length.
    static func markdown(_ panel: SweepPanel) -> String {
        var table = TextTable([
            ("length", .right), ("naive ms", .right), ("blocked ms", .right), ("fused ms", .right),
            ("fused GFLOP/s", .right), ("fused % of peak", .right), ("fused % of bound", .right),
            ("fused vs naive", .right), ("fused vs blocked", .right), ("fused max error", .right),
        ])
        for length in panel.lengths {
            func milliseconds(_ kernel: String) -> String {
                panel.result(kernel, length).map {
                    NumberText.significant($0.medianMs) + ($0.disturbed ? " (disturbed)" : "")
                } ?? "-"
            }
            let fused = panel.result("fused", length)
            table.add([
                length, milliseconds("naive"), milliseconds("blocked"), milliseconds("fused"),
                fused.map { NumberText.significant($0.gflops) } ?? "-",
                fused.map { NumberText.fixed($0.percentOfPeak, 1) } ?? "-", fused.map(\.boundText) ?? "-",
                fused.map { panel.speedUp($0, over: "naive") } ?? "-",
                fused.map { panel.speedUp($0, over: "blocked") } ?? "-",
                fused.map { NumberText.error($0.maxError) } ?? "-",
            ])
        }
        return table.markdown
    }
}
