import AttentionKernels

#if canImport(Darwin)
    import Darwin
#elseif canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// Rotary position embedding (Su and others 2021, section 3.2.2): pair `i` of a head at position `p` turns by `p f_i`, so
/// that the dot product of a query and a key depends on the distance of their positions.
///
/// ```
/// (a, b) -> (a cos(p f_i) - b sin(p f_i), a sin(p f_i) + b cos(p f_i))
/// ```
///
/// The tables are computed in double precision and rounded once.
public struct RotaryPositions: Sendable {
    /// Which columns of a head are pairs.
    public enum Pairing: String, Sendable, Hashable, CaseIterable, Codable {
        /// `(2i, 2i + 1)`, as the paper and GGUF's Llama have it.
        case interleaved
        /// `(i, i + width / 2)`, as GPT-NeoX and Hugging Face's Llama have it.
        case halves
    }

    /// Which columns are pairs.
    public let pairing: Pairing
    /// The number of columns that turn.
    public let width: Int
    let cosines: Tensor
    let sines: Tensor

    /// Tables for positions `0 ..< count`.
    ///
    /// - Throws: ``TransformerError`` if `width` is odd or a frequency outside its range, `KernelError` if memory runs out.
    public init(
        _ frequencies: RotaryFrequencies = RotaryFrequencies(), width: Int, count: Int, pairing: Pairing
    ) throws {
        try frequencies.validate()
        try requireMultiple("width", width, of: "the members of a pair", 2)
        let angles = frequencies.angles(width: width)
        let magnitude = frequencies.magnitude
        self.width = width
        self.pairing = pairing
        let half = width / 2
        cosines = try Tensor(shape: [count, half]) { Float(magnitude * cos(Double($0 / half) * angles[$0 % half])) }
        sines = try Tensor(shape: [count, half]) { Float(magnitude * sin(Double($0 / half) * angles[$0 % half])) }
    }

    /// The number of positions.
    public var count: Int { cosines.shape[0] }

    /// Turns the first heads of rows in place.
    ///
    /// - Parameters:
    ///   - rows: `[rows, heads * headSize]`.
    ///   - heads: the heads of a row.
    ///   - turning: how many of them turn; nil for all.
    ///   - positions: the position of each row, in `0 ..< count`.
    ///   - execution: threads and instruction set.
    /// - Throws: `KernelError` if an argument is wrong.
    /// - Complexity: O(*rows · heads · width*).
    public func apply(
        _ rows: consuming MatrixOutput, heads: Int, turning: Int? = nil, positions: Span<Int>,
        execution: Execution = .shared
    ) throws(KernelError) {
        let table = MatrixLayout(rows: count, columns: width / 2)
        try rotate(
            nil, heads: heads, rotatedHeads: turning, rotated: width, interleaved: pairing == .interleaved,
            cosines: MatrixInput(cosines.span, table), sines: MatrixInput(sines.span, table), positions: positions,
            into: rows, execution: execution)
    }
}
