import AttentionKernels
import CKernels

/// Memory for a matrix: aligned to 64 bytes, freed with its owner.
final class MatrixMemory {
    let bytes: UnsafeMutableRawBufferPointer

    /// Memory filled with the byte 255: NaN in every float type.
    init(byteCount: Int) {
        bytes = .allocate(byteCount: max(byteCount, 64), alignment: 64)
        bytes.initializeMemory(as: UInt8.self, repeating: 255)
    }

    /// Memory with the given elements.
    convenience init<Element: BitwiseCopyable>(_ elements: [Element]) {
        self.init(byteCount: elements.count * MemoryLayout<Element>.stride)
        elements.withUnsafeBytes { bytes.copyMemory(from: $0) }
    }

    deinit { bytes.deallocate() }

    var start: UnsafeMutableRawPointer? { bytes.baseAddress }
}

/// The matrices of one product: all contestants read the same A and B, each writes a C of its own.
final class GemmMatrices {
    let shape: GemmShape
    let dtype: GemmDType
    let a: MatrixMemory
    let b: MatrixMemory

    /// Normally distributed matrices, the same ones for the same seed; integers are 32 times as large, and rounded.
    init(_ shape: GemmShape, _ dtype: GemmDType, seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        self.shape = shape
        self.dtype = dtype
        a = Self.memory(generator.gaussians(shape.m * shape.k), dtype.a)
        // In the order in which they are stored: of blocks, each row is a column of B.
        b = Self.memory(generator.gaussians(shape.k * shape.n), dtype.b)
    }

    private static func memory(_ numbers: [Float], _ type: ck_dtype) -> MatrixMemory {
        switch type {
        case .CK_F32: MatrixMemory(numbers)
        case .CK_BF16: MatrixMemory(numbers.map { BFloat16($0) })
        case .CK_F16: MatrixMemory(numbers.map { Float16($0) })
        case .CK_I8: MatrixMemory(numbers.map { Int8(max(-127, min(127, (32 * $0).rounded()))) })
        case .CK_Q8_0, .CK_Q4_0, .CK_Q4_1: MatrixMemory(QuantisedBlocks.bytes(numbers, type))
        case .CK_I32: preconditionFailure("no input is of 32-bit integers")
        }
    }

    /// The product into `c`, as C takes it.
    func problem(into c: MatrixMemory?) -> ck_gemm_problem {
        let (m, n, k) = (Int64(shape.m), Int64(shape.n), Int64(shape.k))
        var problem = ck_gemm_problem()
        (problem.batch, problem.m, problem.n, problem.k) = (1, m, n, k)
        (problem.alpha, problem.beta) = (1, 0)
        problem.a = Self.matrix(a, count: m * k, rowStride: k, columnStride: 1, dtype.a)
        if dtype.isQuantised {
            problem.b = Self.matrix(b, count: n * k / 32, rowStride: 1, columnStride: k / 32, dtype.b)
        } else if shape.transposeB {
            problem.b = Self.matrix(b, count: n * k, rowStride: 1, columnStride: k, dtype.b)
        } else {
            problem.b = Self.matrix(b, count: n * k, rowStride: n, columnStride: 1, dtype.b)
        }
        problem.c = Self.matrix(c, count: m * n, rowStride: n, columnStride: 1, dtype.c)
        return problem
    }

    private static func matrix(
        _ memory: MatrixMemory?, count: Int64, rowStride: Int64, columnStride: Int64, _ type: ck_dtype
    ) -> ck_matrix {
        ck_matrix(
            data: memory?.start, count: count, offset: 0, batch_stride: count, row_stride: rowStride,
            column_stride: columnStride, dtype: type, pointers: nil)
    }

    /// The oracle's numbers; products of integers are read as the f32 numbers that they are for it.
    func reference(multiplyAdds: Int, seed: UInt64) throws(HarnessError) -> GemmReference {
        var problem = problem(into: nil)
        problem.c.dtype = .CK_F32
        return try GemmReference(problem, rowLimit: multiplyAdds / max(1, shape.n * shape.k), seed: seed)
    }
}

/// The blocks of GGUF files: 32 numbers with a scale, see ck_common.h.
enum QuantisedBlocks {
    /// The blocks of `numbers`, whose count is a multiple of 32.
    static func bytes(_ numbers: [Float], _ type: ck_dtype) -> [UInt8] {
        stride(from: 0, to: numbers.count, by: 32).flatMap { block(Array(numbers[$0..<$0 + 32]), type) }
    }

    private static func block(_ numbers: [Float], _ type: ck_dtype) -> [UInt8] {
        let (low, high) = (numbers.min() ?? 0, numbers.max() ?? 0)
        let largest = max(abs(low), abs(high))
        switch type {
        case .CK_Q8_0:
            let d = Float(Float16(largest / 127))
            return half(d) + numbers.map { UInt8(bitPattern: Int8(clamped($0 / d, -127...127))) }
        case .CK_Q4_0:
            let d = Float(Float16(largest / 7))
            return half(d) + nibbles(numbers.map { UInt8(clamped($0 / d + 8, 0...15)) })
        default:
            let (d, m) = (Float(Float16((high - low) / 15)), Float(Float16(low)))
            return half(d) + half(m) + nibbles(numbers.map { UInt8(clamped(($0 - m) / d, 0...15)) })
        }
    }

    private static func clamped(_ value: Float, _ range: ClosedRange<Float>) -> Float {
        value.isFinite ? min(max(value.rounded(), range.lowerBound), range.upperBound) : 0
    }

    private static func half(_ value: Float) -> [UInt8] {
        withUnsafeBytes(of: Float16(value).bitPattern.littleEndian) { Array($0) }
    }

    /// Weights 0 to 15 in the low halves, 16 to 31 in the high ones.
    private static func nibbles(_ weights: [UInt8]) -> [UInt8] {
        (0..<16).map { weights[$0] | weights[$0 + 16] << 4 }
    }
}
