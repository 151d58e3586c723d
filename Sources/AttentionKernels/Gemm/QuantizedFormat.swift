import CKernels

/// How quantised weights are stored: blocks of 32 consecutive weights of one output, as in GGUF files.
public enum QuantizedFormat: String, Sendable, Hashable, CaseIterable, Codable {
    /// A factor `d` in `Float16` and 32 signed bytes `q`; the weights are `d * q`. 34 bytes, 8.5 bits a weight.
    // swift-format-ignore: AlwaysUseLowerCamelCase
    case q8_0
    /// A factor `d` in `Float16` and 32 numbers `q` of 4 bits; the weights are `d * (q - 8)`. 18 bytes, 4.5 bits a weight.
    // swift-format-ignore: AlwaysUseLowerCamelCase
    case q4_0
    /// A factor `d` and an offset `m` in `Float16` and 32 numbers `q` of 4 bits; the weights are `d * q + m`. 20 bytes,
    /// 5 bits a weight.
    // swift-format-ignore: AlwaysUseLowerCamelCase
    case q4_1

    /// The weights of a block.
    public static let blockLength = 32

    /// The bytes of a block.
    public var blockByteCount: Int {
        switch self {
        case .q8_0: 34
        case .q4_0: 18
        case .q4_1: 20
        }
    }

    /// The bytes of a matrix of weights.
    ///
    /// - Parameters:
    ///   - rows: `k` of the products, a multiple of 32.
    ///   - columns: `n` of the products.
    /// - Throws: ``KernelError`` if a size is negative or too large, or `rows` is no multiple of 32.
    public func byteCount(rows: Int, columns: Int) throws(KernelError) -> Int {
        for (argument, size) in [(KernelError.Argument.k, rows), (.n, columns)] where size < 0 {
            throw KernelError(.negativeSize, argument, "it is \(size); it should be 0 or more")
        }
        guard rows.isMultiple(of: Self.blockLength) else {
            throw KernelError(.invalidValue, .k, Self.wrongLength(rows))
        }
        let (blocks, blocksOverflow) = (rows / Self.blockLength).multipliedReportingOverflow(by: columns)
        let (bytes, bytesOverflow) = blocks.multipliedReportingOverflow(by: blockByteCount)
        guard !blocksOverflow, !bytesOverflow else {
            throw KernelError(.sizeOverflow, .b, "[\(rows), \(columns)] has more weights than memory can hold")
        }
        return bytes
    }

    static func wrongLength(_ rows: Int) -> String {
        "it is \(rows); with quantized weights it should be a multiple of \(blockLength), the weights of a block"
    }

    var format: MatrixFormat {
        switch self {
        case .q8_0: .q8_0
        case .q4_0: .q4_0
        case .q4_1: .q4_1
        }
    }
}
