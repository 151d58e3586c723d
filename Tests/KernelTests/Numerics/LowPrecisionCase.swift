import AttentionKernels
import CKernels
import TestSupport
import Testing

/// One GEMM problem of any element types, its matrices dense inside guarded bytes. A and B may be stored transposed;
/// quantised weights always lie as in GGUF files, column by column.
final class LowPrecisionCase {
    /// What A, B and C hold.
    struct Types: Sendable, CustomTestStringConvertible {
        var a, b, c: ck_dtype
        var testDescription: String { "\(a.rawValue) x \(b.rawValue) -> \(c.rawValue)" }

        init(_ a: ck_dtype, _ b: ck_dtype, _ c: ck_dtype) { (self.a, self.b, self.c) = (a, b, c) }
    }

    static let guardBytes = 256
    static let guardByte: UInt8 = 0xA5

    let size: GemmCase.Size
    var problem = ck_gemm_problem()
    private var blocks: [UnsafeMutableRawPointer] = []
    private var cBytes = 0
    private var originalC: [UInt8] = []

    init(
        _ size: GemmCase.Size, _ types: Types, transposedA: Bool = false, transposedB: Bool = false,
        alpha: Float = 1, beta: Float = 0, seed: UInt64 = 5
    ) {
        self.size = size
        var random = SeededRandom(seed: seed)
        problem.batch = 1
        (problem.m, problem.n, problem.k) = (Int64(size.m), Int64(size.n), Int64(size.k))
        (problem.alpha, problem.beta) = (alpha, beta)
        problem.a = matrix(size.m, size.k, types.a, transposed: transposedA, &random)
        let isQuantised = types.b.quantisedBlockBytes != nil
        problem.b =
            isQuantised
            ? matrix(size.k / 32, size.n, types.b, transposed: true, &random)
            : matrix(size.k, size.n, types.b, transposed: transposedB, &random)
        problem.c = matrix(size.m, size.n, types.c, transposed: false, &random)
        cBytes = size.m * size.n * types.c.byteCount
        originalC = Array(UnsafeRawBufferPointer(start: problem.c.data, count: cBytes))
    }

    deinit { for block in blocks { block.deallocate() } }

    private func guarded(_ byteCount: Int) -> UnsafeMutableRawPointer {
        let block = UnsafeMutableRawPointer.allocate(byteCount: byteCount + 2 * Self.guardBytes, alignment: 64)
        block.initializeMemory(as: UInt8.self, repeating: Self.guardByte, count: byteCount + 2 * Self.guardBytes)
        blocks.append(block)
        return block + Self.guardBytes
    }

    private func matrix(
        _ rows: Int, _ columns: Int, _ dtype: ck_dtype, transposed: Bool, _ random: inout SeededRandom
    ) -> ck_matrix {
        let count = rows * columns
        let data = guarded(count * dtype.byteCount)
        for index in 0..<count { dtype.storeRandom(to: data + index * dtype.byteCount, &random) }
        return ck_matrix(
            data: data, count: Int64(count), offset: 0, batch_stride: Int64(count),
            row_stride: Int64(transposed ? 1 : columns), column_stride: Int64(transposed ? rows : 1), dtype: dtype,
            pointers: nil)
    }

    func restoreC() {
        originalC.withUnsafeBytes {
            if cBytes > 0 { problem.c.data!.copyMemory(from: $0.baseAddress!, byteCount: cBytes) }
        }
    }

    /// The bytes of C after a call on the original C.
    func run(_ kernel: ck_kernel = .CK_FUSED, isa: ck_isa = .CK_ISA_AUTO, threads: Int = 1) throws -> [UInt8] {
        restoreC()
        var options = ck_options_default()
        (options.isa, options.threads) = (isa, Int32(threads))
        var diagnosis = ck_diagnosis()
        let status = ck_gemm(kernel, &problem, &options, &diagnosis)
        try #require(status == .CK_OK, "\(String(cString: ck_status_text(status))), \(diagnosis)")
        let guards = UnsafeRawBufferPointer(
            start: problem.c.data! - Self.guardBytes, count: cBytes + 2 * Self.guardBytes)
        #expect(guards.prefix(Self.guardBytes).allSatisfy { $0 == Self.guardByte }, "wrote before C")
        #expect(guards.suffix(Self.guardBytes).allSatisfy { $0 == Self.guardByte }, "wrote behind C")
        return Array(guards[Self.guardBytes..<Self.guardBytes + cBytes])
    }

    func packB(isa: ck_isa) throws {
        var options = ck_options_default()
        options.isa = isa
        var byteCount = 0
        try #require(ck_gemm_packed_bytes(&problem, &options, &byteCount, nil) == .CK_OK)
        let packed = guarded(byteCount)
        try #require(ck_gemm_pack(&problem, &options, packed, byteCount, nil) == .CK_OK)
        #expect(
            (0..<Self.guardBytes).allSatisfy {
                packed.load(fromByteOffset: byteCount + $0, as: UInt8.self) == Self.guardByte
            })
        problem.packed_b = UnsafeRawPointer(packed)
        problem.packed_b_bytes = byteCount
    }

    /// The same problem on one row of A and C.
    func row(_ index: Int) -> ck_gemm_problem {
        var single = problem
        single.m = 1
        single.a.offset += Int64(index) * single.a.row_stride
        single.c.offset += Int64(index) * single.c.row_stride
        return single
    }

    /// Expects that the first row, the last and some between have the bits alone that they have among all rows.
    func expectRowsAloneHaveTheSameBits(on isas: [ck_isa]) throws {
        let rowBytes = cBytes / size.m
        for isa in isas {
            let whole = try run(isa: isa, threads: 2)
            for index in [0, size.m / 7 + 1, size.m * 5 / 8 + 1, size.m - 1] {
                restoreC()
                var single = row(index)
                var options = ck_options_default()
                options.isa = isa
                try #require(ck_gemm(.CK_FUSED, &single, &options, nil) == .CK_OK)
                let alone = UnsafeRawBufferPointer(start: problem.c.data! + index * rowBytes, count: rowBytes)
                #expect(
                    alone.elementsEqual(whole[index * rowBytes..<(index + 1) * rowBytes]),
                    "row \(index), isa \(isa.rawValue)")
            }
        }
    }

    /// The largest excess over half an ulp of C's type, in units of eps (|A| |B| + ...): netlib's ratio.
    func ratio(of bytes: [UInt8]) throws -> Double {
        restoreC()
        var row = [Double](repeating: 0, count: size.n)
        var magnitude = row
        var worst = 0.0
        let dtype = problem.c.dtype
        for i in 0..<size.m {
            try #require(ck_oracle_gemm_row(&problem, 0, Int64(i), &row, &magnitude, nil) == .CK_OK)
            for j in 0..<size.n {
                let value = bytes.withUnsafeBytes { dtype.load($0.baseAddress! + (i * size.n + j) * dtype.byteCount) }
                let excess = abs(value - row[j]) - dtype.halfUlp(at: row[j])
                worst = max(worst, excess / (0x1p-23 * magnitude[j] + 1e-30))
            }
        }
        return worst
    }
}

extension ck_dtype {
    /// The bytes of a block of 32 quantised weights.
    var quantisedBlockBytes: Int? {
        switch self {
        case .CK_Q8_0: 34
        case .CK_Q4_0: 18
        case .CK_Q4_1: 20
        default: nil
        }
    }

    /// The bytes of an element, or of a block.
    var byteCount: Int {
        switch self {
        case .CK_F32, .CK_I32: 4
        case .CK_BF16, .CK_F16: 2
        case .CK_I8: 1
        default: quantisedBlockBytes!
        }
    }

    func storeRandom(to pointer: UnsafeMutableRawPointer, _ random: inout SeededRandom) {
        switch self {
        case .CK_F32: pointer.storeBytes(of: random.normal(), as: Float.self)
        case .CK_BF16: pointer.storeBytes(of: UInt16(random.normal().bitPattern >> 16), as: UInt16.self)
        case .CK_F16: pointer.storeBytes(of: Self.truncatedHalf(random.normal()), as: UInt16.self)
        case .CK_I8:
            // The ends of the range often: the sum of -128 squared is the largest.
            let bits = random.next()
            let value = bits % 8 == 0 ? Int8.min : bits % 8 == 1 ? Int8.max : Int8(truncatingIfNeeded: bits >> 8)
            pointer.storeBytes(of: value, as: Int8.self)
        case .CK_I32: pointer.storeBytes(of: Int32(truncatingIfNeeded: random.next()), as: Int32.self)
        default:
            for byte in 0..<byteCount {
                pointer.storeBytes(of: UInt8(truncatingIfNeeded: random.next()), toByteOffset: byte, as: UInt8.self)
            }
            pointer.storeBytes(of: Self.truncatedHalf(random.normal() / 16), as: UInt16.self)
            if self == .CK_Q4_1 {
                pointer.storeBytes(of: Self.truncatedHalf(random.normal()), toByteOffset: 2, as: UInt16.self)
            }
        }
    }

    /// The f16 next to a number towards 0; 0 for those below the normal ones.
    private static func truncatedHalf(_ value: Float) -> UInt16 {
        let bits = value.bitPattern
        let exponent = Int(bits >> 23 & 0xFF) - 127 + 15
        let sign = UInt16(bits >> 16) & 0x8000
        return exponent <= 0 ? sign : sign | UInt16(exponent) << 10 | UInt16(bits >> 13 & 0x3FF)
    }

    func load(_ pointer: UnsafeRawPointer) -> Double {
        switch self {
        case .CK_F32: return Double(pointer.loadUnaligned(as: Float.self))
        case .CK_I32: return Double(pointer.loadUnaligned(as: Int32.self))
        case .CK_BF16: return Double(Float(bitPattern: UInt32(pointer.loadUnaligned(as: UInt16.self)) << 16))
        default:
            let bits = pointer.loadUnaligned(as: UInt16.self)
            let exponent = Int(bits >> 10 & 0x1F)
            let significand = Double(bits & 0x3FF) + (exponent == 0 ? 0 : 1024)
            if exponent == 31 { return bits & 0x3FF == 0 ? (bits >> 15 == 0 ? .infinity : -.infinity) : .nan }
            return Double(
                sign: bits >> 15 == 0 ? .plus : .minus, exponent: max(exponent, 1) - 25, significand: significand)
        }
    }

    /// Half the distance of two neighbours of this type around a number.
    func halfUlp(at value: Double) -> Double {
        switch self {
        case .CK_BF16: value.magnitude * 0x1.02p-8
        case .CK_F16: max(value.magnitude * 0x1.02p-11, 0x1.02p-25)
        default: 0
        }
    }
}
