/// Writes comma-separated values.
public enum CSV {
    private static let columns: [(name: String, value: @Sendable (CaseResult) -> String)] = [
        ("op", { $0.op }), ("kernel", { $0.kernel }), ("dtype", { $0.dtype }), ("batch", { "\($0.batch)" }),
        ("heads", { "\($0.heads)" }), ("kvHeads", { "\($0.kvHeads)" }), ("queryLength", { "\($0.queryLength)" }),
        ("keyLength", { "\($0.keyLength)" }), ("headDim", { "\($0.headDim)" }), ("valueDim", { "\($0.valueDim)" }),
        ("mask", { $0.mask }), ("threads", { "\($0.threads)" }), ("isa", { $0.isa }),
        ("medianMs", { "\($0.medianMs)" }), ("minMs", { "\($0.minMs)" }), ("maxMs", { "\($0.maxMs)" }),
        ("repetitions", { "\($0.repetitions)" }), ("gflops", { "\($0.gflops)" }),
        ("percentOfPeak", { "\($0.percentOfPeak)" }), ("maxError", { "\($0.maxError)" }),
        ("errorBound", { "\($0.errorBound)" }), ("rowsChecked", { "\($0.rowsChecked)" }),
        ("medianLowMs", { "\($0.medianLowMs)" }), ("medianHighMs", { "\($0.medianHighMs)" }),
        ("quartile1Ms", { "\($0.quartile1Ms)" }), ("quartile3Ms", { "\($0.quartile3Ms)" }),
        ("peakGflops", { "\($0.peakGflops)" }), ("disturbed", { "\($0.disturbed)" }),
        ("peakBesideGflops", { "\($0.peakBesideGflops)" }), ("bytes", { "\($0.bytes)" }),
        ("bound", { $0.bound ?? "" }), ("boundGflops", { $0.boundGflops.map { "\($0)" } ?? "" }),
        ("percentOfBound", { $0.percentOfBound.map { "\($0)" } ?? "" }),
        ("involuntarySwitches", { "\($0.involuntarySwitches)" }), ("stealPercent", { "\($0.stealPercent)" }),
        ("peakQuantity", { $0.peakQuantity ?? "" }), ("keyValueGBs", { $0.keyValueGBs.map { "\($0)" } ?? "" }),
        ("readBoundGBs", { $0.readBoundGBs.map { "\($0)" } ?? "" }), ("otherLoadPercent", { "\($0.otherLoadPercent)" }),
        ("attempts", { "\($0.attempts)" }),
    ]

    /// A line of names and a line for each case.
    public static func text(_ cases: [CaseResult]) -> String {
        lines([columns.map(\.name)] + cases.map { result in columns.map { $0.value(result) } })
    }

    /// A line for each row; values with a comma, a quotation mark or a line break are quoted.
    static func lines(_ rows: [[String]]) -> String {
        rows.map { $0.map(field).joined(separator: ",") + "\n" }.joined()
    }

    private static func field(_ cell: String) -> String {
        guard cell.contains(where: { ",\"\n".contains($0) }) else { return cell }
        return "\"" + cell.split(separator: "\"", omittingEmptySubsequences: false).joined(separator: "\"\"") + "\""
    }
}
