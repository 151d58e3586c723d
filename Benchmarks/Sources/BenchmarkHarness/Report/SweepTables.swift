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
        var shapeText: String { "\(dtype), B=\(batch) H=\(headText) D=\(widthText)" }

        /// `8`, or `32/8` where heads share keys and values.
        var headText: String { heads == kvHeads ? "\(heads)" : "\(heads)/\(kvHeads)" }

        /// `64`, or `576/512` where values have another width.
        var widthText: String { headDim == valueDim ? "\(headDim)" : "\(headDim)/\(valueDim)" }

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

    /// Where the cases ran: `2 threads, avx512`.
    var place: String { "\(key.threadsText), \(key.isa)" }

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
    /// A table with its heading.
    struct Section {
        var title: String
        var table: TextTable
        /// The same with a row for each length, for panels alone.
        var byLength: TextTable?
    }

    /// Tables with headings, aligned for a terminal.
    public static func terminal(_ document: SweepDocument) -> String {
        sections(document.cases).map { $0.title + "\n\n" + $0.table.aligned }.joined(separator: "\n")
    }

    /// A table for each panel of several lengths, and one for all cases that stand alone in theirs.
    static func sections(_ cases: [CaseResult]) -> [Section] {
        let panels = SweepPanel.panels(cases)
        let curves = panels.filter { $0.lengths.count > 1 }.map { panel in
            Section(title: panel.key.text, table: table(panel), byLength: byLength(panel))
        }
        let alone = panels.filter { $0.lengths.count == 1 }
        var seen: Set<String> = []
        let places = alone.map(\.place).filter { seen.insert($0).inserted }
        return curves
            + places.map { place in
                let members = alone.filter { $0.place == place }
                return Section(title: "Single shapes, \(place)", table: table(members))
            }
    }

    /// A row for each case of a panel.
    private static func table(_ panel: SweepPanel) -> TextTable {
        table([panel], [("length", .right)]) { _, result in [result.lengthText] }
    }

    /// A row for each case of panels that differ in more than the length.
    private static func table(_ panels: [SweepPanel]) -> TextTable {
        table(panels, [("types", .left), ("shape", .left), ("mask", .left)]) { panel, result in
            let shape = "B=\(result.batch) H=\(panel.key.headText) S=\(result.lengthText) D=\(panel.key.widthText)"
            return [result.dtype, shape, result.mask]
        }
    }

    private static func table(
        _ panels: [SweepPanel], _ first: [(title: String, alignment: TextTable.Alignment)],
        _ cells: (SweepPanel, CaseResult) -> [String]
    ) -> TextTable {
        // The rate of reading matters where memory is the bound.
        let showsRates = panels.flatMap(\.cases).contains { $0.bound != nil && $0.bound != RooflineBound.compute }
        let rates: [(title: String, alignment: TextTable.Alignment)] =
            showsRates ? [("K, V GB/s", .right), ("of GB/s", .right)] : []
        var table = TextTable(
            first + [
                ("kernel", .left), ("median ms", .right), ("min", .right), ("max", .right), ("reps", .right),
                ("GFLOP/s", .right), ("% peak", .right),
            ] + rates + [
                ("% bound", .right), ("bound", .left), ("vs naive", .right), ("vs blocked", .right),
                ("max error", .right), ("", .left),
            ])
        for panel in panels {
            for result in panel.cases {
                let numbers = [result.keyValueGBs, result.readBoundGBs].map {
                    $0.map { NumberText.significant($0, digits: 3) } ?? "-"
                }
                table.add(
                    cells(panel, result) + [
                        result.kernel, NumberText.significant(result.medianMs), NumberText.significant(result.minMs),
                        NumberText.significant(result.maxMs), "\(result.repetitions)",
                        NumberText.significant(result.gflops), NumberText.fixed(result.percentOfPeak, 1),
                    ] + (showsRates ? numbers : []) + [
                        result.percentOfBound.map { NumberText.fixed($0, 1) } ?? "-", result.bound ?? "-",
                        panel.speedUp(result, over: "naive"), panel.speedUp(result, over: "blocked"),
                        NumberText.error(result.maxError), result.disturbed ? "disturbed" : "",
                    ])
            }
        }
        return table
    }

    /// A row for each length of a panel.
    private static func byLength(_ panel: SweepPanel) -> TextTable {
        let kernels = AttentionKernelName.all.filter { kernel in panel.cases.contains { $0.kernel == kernel } }
        let best = kernels.last ?? "fused"
        var columns: [(title: String, alignment: TextTable.Alignment)] = [("length", .right)]
        columns += kernels.map { ("\($0) ms", .right) }
        columns += ["GFLOP/s", "% of peak", "% of bound", "K, V GB/s"].map { ("\(best) \($0)", .right) }
        columns += kernels.dropLast().map { ("\(best) vs \($0)", .right) } + [("\(best) max error", .right)]
        var table = TextTable(columns)
        for length in panel.lengths {
            let result = panel.result(best, length)
            let times = kernels.map { kernel in
                panel.result(kernel, length).map {
                    NumberText.significant($0.medianMs) + ($0.disturbed ? " (disturbed)" : "")
                } ?? "-"
            }
            let rates = [
                result.map { NumberText.significant($0.gflops) }, result.map { NumberText.fixed($0.percentOfPeak, 1) },
                result.map(\.boundText), result?.keyValueGBs.map { NumberText.significant($0, digits: 3) },
            ]
            table.add(
                [length] + times + rates.map { $0 ?? "-" }
                    + kernels.dropLast().map { kernel in result.map { panel.speedUp($0, over: kernel) } ?? "-" }
                    + [result.map { NumberText.error($0.maxError) } ?? "-"])
        }
        return table
    }
}
