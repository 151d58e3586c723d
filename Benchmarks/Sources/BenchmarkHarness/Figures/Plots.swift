import Foundation

/// Draws figures through gnuplot.
public enum Plots {
    /// All figures of a machine: of its sweep, and of its products and its comparison with peers where there are such.
    static func figures(_ document: SweepDocument, products: ProductsRecord? = nil, peers: PeersRecord?) -> [Figure] {
        SweepFigures.figures(document) + MachineFigures.figures(document, products: products)
            + (peers.map(PeersFigure.figures) ?? [])
    }

    /// Draws every figure as SVG and PNG into `directory` and removes figures of earlier sweeps from it.
    ///
    /// Each file is drawn elsewhere and put in place whole.
    ///
    /// - Throws: ``HarnessError`` if gnuplot is not installed, with the command that installs it, or if it fails.
    public static func draw(_ figures: [Figure], into directory: String) throws(HarnessError) {
        guard let gnuplot = CommandLineTool.find("gnuplot") else {
            throw HarnessError("no plots were drawn: gnuplot is not installed; install it with \(installCommand)")
        }
        let scratch = FileManager.default.temporaryDirectory
            .appendingPathComponent("attention-bench-\(UUID().uuidString)").path
        defer { try? FileManager.default.removeItem(atPath: scratch) }
        var drawn: Set<String> = []
        for figure in figures {
            for format in GnuplotScript.Format.allCases {
                let name = "\(figure.name).\(format.rawValue)"
                let (script, picture) = ("\(scratch)/\(figure.name).gnuplot", "\(scratch)/\(name)")
                try OutputFile.write(GnuplotScript.text(figure, format: format, path: picture), to: script)
                try run(gnuplot, script)
                guard var data = FileManager.default.contents(atPath: picture), !data.isEmpty else {
                    throw HarnessError("\(name) could not be drawn: gnuplot wrote no picture")
                }
                if format == .svg { data = Data(SVGTheme.themed(String(decoding: data, as: UTF8.self)).utf8) }
                try OutputFile.write(data, to: "\(directory)/\(name)")
                drawn.insert(name)
            }
        }
        removeStale(in: directory, keeping: drawn)
    }

    private static func run(_ gnuplot: String, _ script: String) throws(HarnessError) {
        let outcome: CommandLineTool.Outcome
        do {
            outcome = try CommandLineTool.run(gnuplot, [script])
        } catch {
            throw HarnessError("gnuplot could not be started: \(error.localizedDescription)")
        }
        guard outcome.exitCode == 0 else {
            throw HarnessError(
                "gnuplot failed: \(outcome.errors.trimmingCharacters(in: .whitespacesAndNewlines))")
        }
    }

    /// How the names of figures begin.
    private static let stems =
        SweepFigures.Quantity.allCases.map { "\($0.rawValue)-" } + ["scaling.", "decode.", "roofline.", "peers-"]

    private static func removeStale(in directory: String, keeping drawn: Set<String>) {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? []
        for name in names where !drawn.contains(name) {
            let isFigure = stems.contains { name.hasPrefix($0) }
            let isPicture = GnuplotScript.Format.allCases.contains { name.hasSuffix(".\($0.rawValue)") }
            if isFigure && isPicture { try? FileManager.default.removeItem(atPath: "\(directory)/\(name)") }
        }
    }

    private static var installCommand: String {
        #if os(macOS)
            "brew install gnuplot"
        #else
            "apt-get install gnuplot-nox"
        #endif
    }
}
