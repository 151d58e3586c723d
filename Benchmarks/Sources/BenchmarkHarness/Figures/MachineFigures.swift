/// Figures of a sweep that show the machine's limits: thread scaling, decoding, the roofline.
enum MachineFigures {
    /// The figures that `document` has the cases for.
    static func figures(_ document: SweepDocument, products: ProductsRecord? = nil) -> [Figure] {
        [scaling(document), decoding(document), RooflineFigure.figure(document, products: products)]
            .compactMap(\.self)
    }

    /// Speed on several threads over that on one, at the longest length that all kernels were timed at.
    static func scaling(_ document: SweepDocument) -> Figure? {
        let panels = SweepPanel.panels(document.cases.filter { $0.queryLength == $0.keyLength }, byThreads: false)
            .compactMap(scalingPanel)
        guard let most = panels.flatMap({ $0.series.flatMap { $0.points.map(\.x) } }).max(), most > 1 else {
            return nil
        }
        return Figure(
            name: "scaling", title: "Attention forward: speed-up by threads",
            subtitle: "over one thread; the line is as many times as there are threads", panels: panels,
            columns: min(2, panels.count), caption: caption(document))
    }

    private static func scalingPanel(_ panel: SweepPanel) -> Figure.Panel? {
        let threads = Set(panel.cases.map(\.threads)).sorted()
        guard threads.first == 1, let most = threads.last, most > 1 else { return nil }
        let kernels = AttentionKernelName.all.filter { kernel in panel.cases.contains { $0.kernel == kernel } }
        func cases(_ kernel: String, _ length: Int) -> [CaseResult] {
            panel.cases.filter { $0.kernel == kernel && $0.queryLength == length }.sorted { $0.threads < $1.threads }
        }
        let common = Set(panel.cases.map(\.queryLength)).sorted().last { length in
            kernels.allSatisfy { cases($0, length).count == threads.count }
        }
        guard let common else { return nil }
        var series = kernels.map { kernel in
            let cases = cases(kernel, common)
            return Figure.Series(
                name: kernel, kind: .curve,
                points: cases.map { Figure.Point(Double($0.threads), cases[0].medianMs / $0.medianMs) })
        }
        series.append(
            .init(name: "threads", kind: .limit, points: [.init(1, 1), .init(Double(most), Double(most))]))
        let marks = threads.map { Figure.Tick(text: "\($0)", position: Double($0)) }
        return Figure.Panel(
            title: "\(panel.key.shapeText), \(panel.key.maskText), S=\(common), \(panel.key.isa)",
            x: .init(title: "threads", logBase: nil, range: 0.9...Double(most) + 0.1, ticks: marks),
            y: .init(title: "times as fast as on one thread", logBase: nil, range: 0...Double(most) * 1.1, ticks: nil),
            series: series)
    }

    /// The rate at which keys and values pass, for one query each.
    static func decoding(_ document: SweepDocument) -> Figure? {
        let cases = document.cases.filter { $0.queryLength == 1 && $0.keyLength > 1 }
        let panels = SweepPanel.panels(cases)
        if panels.isEmpty { return nil }
        func rate(_ result: CaseResult) -> Double { result.keyValueGigabytesPerSecond }
        let lines = document.limits.map { limits in
            Set(panels.map(\.key.threads)).flatMap { threads in
                [MemoryLevel.l3, .dram].compactMap { limits.readBandwidth($0, threads: threads) }
            }
        }
        let y = Figure.Axis.fromZero(cases.map(rate) + (lines ?? []), title: "keys and values read (GB/s)")
        let drawn = panels.map { panel in
            let x = Figure.Axis.lengths(panel.cases.map(\.keyLength), title: "keys in the cache (tokens)")
            var series = AttentionKernelName.all.compactMap { kernel -> Figure.Series? in
                let members = panel.cases.filter { $0.kernel == kernel }.sorted { $0.keyLength < $1.keyLength }
                let points = members.map { Figure.Point(Double($0.keyLength), rate($0)) }
                return points.isEmpty ? nil : .init(name: kernel, kind: .curve, points: points)
            }
            var labels: [Figure.Label] = []
            for level in [MemoryLevel.l3, .dram] {
                guard let limit = document.limits?.readBandwidth(level, threads: panel.key.threads) else { continue }
                series.append(
                    .init(
                        name: level.rawValue, kind: .limit,
                        points: [.init(x.range.lowerBound, limit), .init(x.range.upperBound, limit)]))
                labels.append(.init(text: "\(level.rawValue) read", x: x.range.lowerBound, y: limit))
            }
            return Figure.Panel(
                title: "\(panel.key.shapeText), \(panel.key.threadsText), \(panel.key.isa)", x: x, y: y, series: series,
                labels: labels)
        }
        return Figure(
            name: "decode", title: "Decoding: one query a sequence on a cache of keys and values",
            subtitle: "bytes of K and V over the median time", panels: drawn, columns: min(2, drawn.count),
            caption: caption(document))
    }

    private static func caption(_ document: SweepDocument) -> String {
        Figure.caption(document.machine, commit: document.commit, date: document.date)
    }
}

extension CaseResult {
    /// The bytes of K and V over the median time.
    var keyValueGigabytesPerSecond: Double {
        let shape = AttentionShape(
            batch: batch, heads: heads, kvHeads: kvHeads, queryLength: queryLength, keyLength: keyLength,
            headDim: headDim, valueDim: valueDim)
        let bytes = shape.keyValueBytes(SweepDType(rawValue: dtype) ?? .f32)
        return Double(bytes) / max(medianMs, 1e-9) * 1e-6
    }
}
