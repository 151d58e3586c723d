import AttentionKernels
import CKernels
import TestSupport
import Testing

/// Quantised weights by integers of 16 bits: the bits of the definition on every ISA, and how far these are from the
/// oracle.
@Suite struct GemmIntegerTests {
    typealias Size = GemmCase.Size
    typealias Types = LowPrecisionCase.Types

    static let isas: [ck_isa] = (0..<ck_isa_count()).map { ck_isa_at($0) }
    static let quantised: [ck_dtype] = [.CK_Q8_0, .CK_Q4_0, .CK_Q4_1]
    static let sizes: [Size] = [
        Size(1, 1, 32), Size(2, 15, 64), Size(3, 65, 1056), Size(4, 130, 288), Size(5, 64, 32), Size(6, 33, 96),
        Size(7, 200, 64), Size(8, 16, 1312), Size(9, 70, 320), Size(17, 65, 0), Size(17, 129, 96), Size(100, 20, 64),
        Size(3, 5, 2080),
    ]
    /// K of one chain of blocks; the sums of chains are added in order.
    static let chain = 1024

    private static func integerCase(
        _ size: Size, _ types: Types, transposedA: Bool = false, alpha: Float = 1, beta: Float = 0
    ) -> LowPrecisionCase {
        let gemm = LowPrecisionCase(size, types, transposedA: transposedA, alpha: alpha, beta: beta)
        gemm.problem.arithmetic = .CK_ARITHMETIC_INT16
        return gemm
    }

    /// The product of a row and a column by the definition, and the bound of its distance from the exact one.
    ///
    /// An element of a block errs by half a unit of 1/32767 of the largest, and by less than a hundredth of that more for
    /// the roundings of the factor and the scale. Every block's sum is rounded in at most four operations and added in two,
    /// so no term meets more than 2 blocks + 4 roundings, and one for each chain.
    private static func defined(_ gemm: LowPrecisionCase, _ i: Int, _ j: Int) -> (value: Float, bound: Double) {
        let p = gemm.problem
        let (k, b) = (gemm.size.k, p.b)
        func element(_ l: Int) -> Float {
            let index = i * Int(p.a.row_stride) + l * Int(p.a.column_stride)
            return Float(p.a.dtype.load(p.a.data! + index * p.a.dtype.byteCount))
        }
        var (total, sum, quantisation, rounding) = (Float(0), Float(0), 0.0, 0.0)
        for block in 0..<k / 32 {
            let place = b.data! + (block * Int(b.row_stride) + j * Int(b.column_stride)) * b.dtype.byteCount
            let d = Float(ck_dtype.CK_F16.load(place))
            let m = b.dtype == .CK_Q4_1 ? Float(ck_dtype.CK_F16.load(place + 2)) : 0
            let x = (0..<32).map { element(32 * block + $0) }
            let q = (0..<32).map { b.dtype.integer(place, $0) }
            let isFinite = x.allSatisfy(\.isFinite)
            let largest = x.reduce(0) { max($0, $1.magnitude) }
            let isTiny = largest < 0x1p-100
            let scale = !isFinite ? .nan : isTiny ? 0 : largest / 32767
            let factor = !isFinite || isTiny ? 0 : 32767 / largest
            let integers = x.map { isFinite ? Int(($0 * factor).rounded(.toNearestOrEven)) : 0 }
            if b.dtype == .CK_Q4_1 { sum += scale * Float(integers.reduce(0, +)) * m }
            sum += Float(zip(integers, q).reduce(0) { $0 + $1.0 * $1.1 }) * (scale * d)
            for q in q {
                let product = Double(d) * Double(q)
                quantisation += Double(largest) * abs(product + Double(m))
                rounding += Double(largest) * (abs(product) + abs(Double(m)))
            }
            if (block + 1) * 32 % chain == 0 || (block + 1) * 32 == k {
                total = block * 32 < chain ? sum : sum + total
                sum = 0
            }
        }
        let roundings = Double(2 * min(k, chain) / 32 + 4 + k / chain)
        return (total, 1.01 * 0x1p-16 * quantisation + roundings * 0x1p-24 * rounding + Double(k) * 0x1p-98)
    }

    private static func floats(_ bytes: [UInt8]) -> [UInt32] {
        bytes.withUnsafeBytes { Array($0.bindMemory(to: UInt32.self)) }
    }

    /// Plain and packed, rows or columns of A contiguous, on one thread and on three; `portable` too.
    @Test(arguments: sizes, quantised) func everyInstructionSetHasTheBitsOfTheDefinition(size: Size, b: ck_dtype) throws
    {
        for (a, transposed) in [(ck_dtype.CK_F32, false), (.CK_F32, true), (.CK_BF16, false), (.CK_F16, true)] {
            let gemm = Self.integerCase(size, Types(a, b, .CK_F32), transposedA: transposed)
            let unpacked = gemm.problem
            var (expected, oracle) = ([UInt32](), [Double](repeating: 0, count: size.n))
            for i in 0..<size.m {
                try #require(ck_oracle_gemm_row(&gemm.problem, 0, Int64(i), &oracle, nil, nil) == .CK_OK)
                for j in 0..<size.n {
                    let (value, bound) = Self.defined(gemm, i, j)
                    expected.append(value.bitPattern)
                    #expect(abs(Double(value) - oracle[j]) <= bound, "row \(i), column \(j)")
                }
            }
            for isa in Self.isas {
                gemm.problem = unpacked
                #expect(Self.floats(try gemm.run(isa: isa)) == expected, "isa \(isa.rawValue)")
                #expect(Self.floats(try gemm.run(isa: isa, threads: 3)) == expected, "threads change bits")
                try gemm.packB(isa: isa)
                #expect(Self.floats(try gemm.run(isa: isa, threads: 2)) == expected, "packing changes bits")
                if size.k <= Self.chain {
                    #expect(
                        Self.floats(try gemm.run(.CK_NAIVE, isa: isa)) == expected, "naive reads the packed B otherwise"
                    )
                }
            }
            gemm.problem = unpacked
            if size.k <= Self.chain { #expect(Self.floats(try gemm.run(.CK_NAIVE)) == expected) }
        }
    }

    @Test(arguments: quantised) func aRowAloneHasTheSameBits(b: ck_dtype) throws {
        let gemm = Self.integerCase(Size(75, 90, 1312), Types(.CK_F32, b, .CK_F32), alpha: 0.3)
        try gemm.expectRowsAloneHaveTheSameBits(on: Self.isas)
    }

    /// Rows of zeros, of huge and of subnormal numbers, and rows with one that is not finite: these alone become NaN.
    @Test(arguments: quantised) func rowsOfAnyNumbers(b: ck_dtype) throws {
        let size = Size(9, 70, 128)
        let gemm = Self.integerCase(size, Types(.CK_F32, b, .CK_F32))
        let rows = gemm.problem.a.data!.assumingMemoryBound(to: Float.self)
        for l in 0..<size.k {
            rows[l] = 0
            rows[size.k + l] *= 1e30
            rows[2 * size.k + l] = Float.leastNonzeroMagnitude * Float(l)
            rows[3 * size.k + l] *= 0x1p-90
        }
        (rows[4 * size.k + 37], rows[5 * size.k + 5], rows[6 * size.k + 127]) = (.nan, .infinity, -.infinity)
        (rows[7 * size.k], rows[8 * size.k + 40]) = (-1e20, 1e36)
        for isa in Self.isas {
            for kernel in [ck_kernel.CK_FUSED, .CK_NAIVE] {
                let c = Self.floats(try gemm.run(kernel, isa: isa, threads: 2)).map(Float.init(bitPattern:))
                for i in 0..<size.m {
                    for j in 0..<size.n {
                        let value = c[i * size.n + j]
                        if (4...6).contains(i) {
                            #expect(value.isNaN)
                        } else {
                            #expect(value.bitPattern == Self.defined(gemm, i, j).value.bitPattern && value.isFinite)
                        }
                    }
                }
            }
        }
    }

    /// C of 16 bits is that of `Float`, rounded once, also over several chains; alpha, beta and an epilogue do with the
    /// product what they do with any other.
    @Test(arguments: [2, 40]) func everythingBehindTheProductIsAsElsewhere(rows: Int) throws {
        let size = Size(rows, 70, 1312)
        let gemm = Self.integerCase(size, Types(.CK_F32, .CK_Q4_1, .CK_F32), alpha: 0.7, beta: -1.3)
        let halves = Self.integerCase(size, Types(.CK_F32, .CK_Q4_1, .CK_BF16))
        let plain = Self.integerCase(size, Types(.CK_F32, .CK_Q4_1, .CK_F32))
        let bias = (0..<70).map { Float($0) / 64 - 0.5 }
        for isa in Self.isas {
            let product = Self.floats(try plain.run(isa: isa, threads: 2)).map(Float.init(bitPattern:))
            let rounded = try halves.run(isa: isa, threads: 2).withUnsafeBytes { Array($0.bindMemory(to: UInt16.self)) }
            #expect(rounded == product.map { BFloat16($0).bitPattern })
            gemm.restoreC()
            let old = (0..<rows * 70).map { gemm.problem.c.data!.load(fromByteOffset: 4 * $0, as: Float.self) }
            let results = try bias.withUnsafeBufferPointer {
                gemm.problem.epilogue.bias = ck_vector(data: $0.baseAddress, count: 70)
                gemm.problem.epilogue.activation = .CK_ACTIVATION_RELU
                return Self.floats(try gemm.run(isa: isa, threads: 2)).map(Float.init(bitPattern:))
            }
            for index in results.indices {
                let (scaled, kept) = (0.7 * product[index], -1.3 * old[index])
                let expected = max(scaled + kept + bias[index % 70], 0)
                let size = scaled.magnitude + kept.magnitude + bias[index % 70].magnitude
                // The two chains of K are scaled one by one: their size is that of |A| |B|, some ten times the sum.
                #expect(abs(results[index] - expected) <= 0x1p-19 * (size + 10))
            }
        }
    }

    @Test func otherFactorsAreRefused() {
        func refused(_ types: Types, _ arithmetic: ck_arithmetic) -> [UInt32] {
            let gemm = LowPrecisionCase(Size(2, 2, 32), types)
            gemm.problem.arithmetic = arithmetic
            var (options, diagnosis) = (ck_options_default(), ck_diagnosis())
            let status = ck_gemm(.CK_FUSED, &gemm.problem, &options, &diagnosis)
            return [status.rawValue, diagnosis.argument.rawValue]
        }
        let wrongType = [ck_status.CK_BAD_DTYPE.rawValue, ck_argument.CK_ARG_ARITHMETIC.rawValue]
        for b in [ck_dtype.CK_F32, .CK_BF16, .CK_F16] {
            #expect(refused(Types(.CK_F32, b, .CK_F32), .CK_ARITHMETIC_INT16) == wrongType)
        }
        #expect(refused(Types(.CK_I8, .CK_I8, .CK_I32), .CK_ARITHMETIC_INT16) == wrongType)
        let unknown = unsafeBitCast(UInt32(77), to: ck_arithmetic.self)
        #expect(
            refused(Types(.CK_F32, .CK_Q8_0, .CK_F32), unknown)
                == [ck_status.CK_BAD_VALUE.rawValue, ck_argument.CK_ARG_ARITHMETIC.rawValue])
    }
}

extension ck_dtype {
    /// The integer of weight `index` of a block.
    fileprivate func integer(_ block: UnsafeRawPointer, _ index: Int) -> Int {
        if self == .CK_Q8_0 { return Int(block.load(fromByteOffset: 2 + index, as: Int8.self)) }
        let byte = Int(block.load(fromByteOffset: (self == .CK_Q4_1 ? 4 : 2) + index % 16, as: UInt8.self))
        return (index < 16 ? byte & 15 : byte >> 4) - (self == .CK_Q4_0 ? 8 : 0)
    }
}
