import AttentionKernels

/// One product of a baseline: what is multiplied, and how.
public struct GemmCell: Sendable, Hashable {
    /// The sizes, and how B is stored.
    public var shape: GemmShape
    /// The element types.
    public var dtype: GemmDType
    /// The instruction set.
    public var isa: InstructionSet
    /// The number of threads.
    public var threads: Int

    /// A cell.
    public init(_ shape: GemmShape, _ dtype: GemmDType, isa: InstructionSet, threads: Int) {
        (self.shape, self.dtype, self.isa, self.threads) = (shape, dtype, isa, threads)
    }

    /// The cell in words.
    var text: String { "\(dtype.rawValue) \(shape.text), \(threads) thread\(threads == 1 ? "" : "s"), \(isa.name)" }

    /// The limit of arithmetic that applies.
    var peakKey: PeakMeter.Key { PeakMeter.Key(isa: isa, threads: threads, quantity: dtype.quantity(isa)) }

    /// The bytes of B: A and C are small where memory is the limit.
    var bytes: Int { Int(dtype.bytesOfB(shape.n * shape.k)) }

    /// The cell that `result` was measured for; nil if this build or machine does not know it.
    init?(_ result: CaseResult) {
        guard result.op == "gemm", let product = result.product, let dtype = GemmDType(rawValue: result.dtype),
            let isa = InstructionSet(rawValue: result.isa), InstructionSet.available.contains(isa)
        else { return nil }
        self.init(product.shape, dtype, isa: isa, threads: result.threads)
    }

    /// The products of a baseline that nobody asked other ones of: one of each kind that has a way of its own.
    public static func defaults(isas: [InstructionSet], threads: [Int]) -> [GemmCell] {
        let products: [(GemmDType, GemmShape)] =
            [64, 128, 512, 1024].map { (.f32, GemmShape($0, $0, $0)) } + [
                (.f32, GemmShape(2048, 64, 2048, transposeB: true)), (.f32, GemmShape(128, 768, 768)),
                (.f32, GemmShape(8, 4096, 4096, transposeB: true)), (.f32, GemmShape(1, 4096, 4096, transposeB: true)),
                (.bf16, GemmShape(1024, 1024, 1024)), (.i8, GemmShape(1024, 1024, 1024)),
                (.q8, GemmShape(1, 4096, 4096, transposeB: true)), (.q4, GemmShape(1, 4096, 4096, transposeB: true)),
            ]
        return isas.flatMap { isa in
            threads.flatMap { threads in products.map { GemmCell($0.1, $0.0, isa: isa, threads: threads) } }
        }
    }
}

/// The sizes of a product in a result's JSON.
public struct ProductSizes: Codable, Sendable, Equatable {
    /// The rows of A and C.
    public var m: Int
    /// The columns of B and C.
    public var n: Int
    /// The columns of A.
    public var k: Int
    /// `B`, or `B^T` where B is stored `[n, k]`.
    public var b: String

    init(_ shape: GemmShape) {
        (m, n, k, b) = (shape.m, shape.n, shape.k, shape.storageText)
    }

    var shape: GemmShape {
        let plain = GemmShape(m, n, k)
        return b == plain.storageText ? plain : GemmShape(m, n, k, transposeB: true)
    }

    var text: String { "\(m)x\(n)x\(k) \(b)" }
}
