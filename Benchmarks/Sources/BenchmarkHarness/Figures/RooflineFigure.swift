/// What the roofline needs of a machine's `gemm.json`.
struct ProductsRecord: HarnessDocument {
    static let noun = "comparison of products"

    struct Case: Codable {
        var n, k, threads: Int
        var dtype, isa: String
        var peakQuantity: String?
        var roof: Roof
        var entries: [PeersRecord.Entry]
    }

    var cases: [Case]
}

/// Every case under the limits that apply to it (Williams, Waterman and Patterson, 2009).
enum RooflineFigure {
    /// A kernel's place in the picture.
    private struct Dot {
        var kernel: String
        var isa: String
        var threads: Int
        var quantity: String
        var intensity: Double
        var gflops: Double

        init(_ result: CaseResult) {
            (kernel, isa, threads, gflops) = (result.kernel, result.isa, result.threads, result.gflops)
            quantity = result.peakQuantity ?? ComputeQuantity.fma.rawValue
            intensity = gflops * result.medianMs * 1e6 / Double(max(result.bytes, 1))
        }

        /// nil if the library has no time, or the types are unknown.
        init?(_ product: ProductsRecord.Case) {
            guard let rate = product.entries.first(where: { $0.contestant == ContestEntry.ours })?.gflops,
                let dtype = GemmDType(rawValue: product.dtype)
            else { return nil }
            (kernel, isa, threads, gflops) = ("matrix product", product.isa, product.threads, rate)
            quantity = product.peakQuantity ?? ComputeQuantity.fma.rawValue
            // B alone, as in the product's own roof: A and C are small where memory matters.
            intensity = product.roof.flops / dtype.bytesOfB(product.n * product.k)
        }

        func isUnder(_ peak: MachineReport.Peak) -> Bool {
            isa == peak.isa && threads == peak.threads && quantity == peak.quantityName
        }
    }

    /// The figure; nil without known limits or cases.
    static func figure(_ document: SweepDocument, products: ProductsRecord? = nil) -> Figure? {
        guard let limits = document.limits else { return nil }
        let dots = document.cases.map(Dot.init) + (products?.cases ?? []).compactMap(Dot.init)
        guard let low = dots.map(\.intensity).min(), let high = dots.map(\.intensity).max(),
            let slowest = dots.map(\.gflops).min()
        else { return nil }
        let peaks = document.machine.peaks.filter { peak in dots.contains { $0.isUnder(peak) } }
        if peaks.isEmpty { return nil }
        let x = Figure.Axis(
            title: "operations for each byte of Q, K, V and O, or of B", logBase: 2, range: low / 8...high * 2,
            ticks: nil)
        let y = Figure.Axis.decades([slowest] + peaks.map { 1.2 * $0.gflops }, title: "GFLOP/s")
        return Figure(
            name: "roofline", title: "Roofline: every case under the limits of the machine",
            subtitle: "memory limits measured \(limits.date.prefix(10)), the peaks of arithmetic in the same run",
            panels: peaks.map { peak in panel(peak, dots.filter { $0.isUnder(peak) }, limits, x, y) },
            columns: min(2, peaks.count),
            caption: Figure.caption(document.machine, commit: document.commit, date: document.date))
    }

    private static func panel(
        _ peak: MachineReport.Peak, _ dots: [Dot], _ limits: PeaksDocument, _ x: Figure.Axis, _ y: Figure.Axis
    ) -> Figure.Panel {
        var series: [Figure.Series] = []
        var labels: [Figure.Label] = []
        for level in MemoryLevel.allCases {
            guard let bandwidth = limits.readBandwidth(level, threads: peak.threads) else { continue }
            // From where the line enters the picture to the ridge.
            let start = max(x.range.lowerBound, y.range.lowerBound / bandwidth)
            let ridge = peak.gflops / bandwidth
            guard start < ridge else { continue }
            series.append(
                .init(
                    name: level.rawValue, kind: .limit,
                    points: [.init(start, start * bandwidth), .init(ridge, peak.gflops)]))
            labels.append(
                .init(
                    text: "\(level.rawValue) \(NumberText.significant(bandwidth, digits: 3)) GB/s", x: 1.2 * start,
                    y: 1.2 * start * bandwidth, toward: .init(ridge, peak.gflops)))
        }
        series.append(
            .init(
                name: "peak", kind: .limit,
                points: [.init(x.range.lowerBound, peak.gflops), .init(x.range.upperBound, peak.gflops)]))
        labels.append(
            .init(
                text: "\(peak.quantityName) \(NumberText.significant(peak.gflops, digits: 3)) GFLOP/s",
                x: (x.range.lowerBound * x.range.upperBound).squareRoot(), y: peak.gflops))
        for kernel in AttentionKernelName.all + ["matrix product"] {
            let points = dots.filter { $0.kernel == kernel }.map { Figure.Point($0.intensity, $0.gflops) }
            if !points.isEmpty {
                series.append(.init(name: kernel, kind: .points, points: points.sorted { $0.x < $1.x }))
            }
        }
        let threads = "\(peak.threads) thread\(peak.threads == 1 ? "" : "s")"
        return Figure.Panel(
            title: "\(peak.quantityName), \(threads), \(peak.isa)", x: x, y: y, series: series, labels: labels)
    }
}
