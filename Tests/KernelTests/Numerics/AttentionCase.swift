import CKernels
import TestSupport
import Testing

/// One attention problem over buffers of its own, as the numerics tests need it: any layout, with every gap
/// and surrounding element NaN, so that a read outside the layout shows in a result.
final class AttentionCase {
    struct Shape: Sendable, CustomTestStringConvertible {
        var batch = 1
        var heads = 1
        var kvHeads = 1
        var queries: Int
        var keys: Int
        var headDim: Int
        var valueDim: Int
        var testDescription: String { "b\(batch) h\(heads)/\(kvHeads) q\(queries) k\(keys) d\(headDim)/\(valueDim)" }
    }

    enum Layout: CaseIterable, Sendable { case bhsd, bshd, padded }

    /// Which optional parts of a problem a case has; any combination is legal.
    struct Masking: OptionSet, Sendable, CustomTestStringConvertible {
        let rawValue: Int
        static let topLeft = Masking(rawValue: 1)
        static let bottomRight = Masking(rawValue: 2)
        static let keep = Masking(rawValue: 4)
        static let drop = Masking(rawValue: 8)
        static let bias = Masking(rawValue: 16)
        static let keyLengths = Masking(rawValue: 32)
        static let window = Masking(rawValue: 64)
        static let queryLengths = Masking(rawValue: 128)
        static let prefix = Masking(rawValue: 256)
        static let segments = Masking(rawValue: 512)
        static let blocks = Masking(rawValue: 1024)
        static let softcap = Masking(rawValue: 2048)
        static let normalize = Masking(rawValue: 4096)
        static let headScales = Masking(rawValue: 8192)
        static let alibi = Masking(rawValue: 1 << 14)
        static let sinks = Masking(rawValue: 1 << 15)
        static let keyStarts = Masking(rawValue: 1 << 16)
        var testDescription: String {
            let names = [
                (Masking.topLeft, "top-left"), (.bottomRight, "bottom-right"), (.keep, "keep"), (.drop, "drop"),
                (.bias, "bias"), (.keyLengths, "lengths"), (.window, "window"), (.queryLengths, "query lengths"),
                (.prefix, "prefix"), (.segments, "segments"), (.blocks, "blocks"), (.softcap, "softcap"),
                (.normalize, "QK-norm"), (.headScales, "head scales"), (.alibi, "ALiBi"), (.sinks, "sinks"),
                (.keyStarts, "key starts"),
            ]
            return names.filter { contains($0.0) }.map(\.1).joined(separator: "+")
        }
    }

    static let guardElements = 32

    let shape: Shape
    var problem = ck_attention_problem()
    private var releases: [() -> Void] = []
    private var outputs: [(UnsafeMutablePointer<Float>, Int)] = []

    init(_ shape: Shape, masking: Masking = [], layout: Layout = .bhsd, scale: Float? = nil, seed: UInt64 = 1) {
        self.shape = shape
        var random = SeededRandom(seed: seed)
        problem.batch = Int64(shape.batch)
        problem.heads = Int64(shape.heads)
        problem.kv_heads = Int64(shape.kvHeads)
        problem.seqlen_q = Int64(shape.queries)
        problem.seqlen_k = Int64(shape.keys)
        problem.head_dim = Int64(shape.headDim)
        problem.value_dim = Int64(shape.valueDim)
        problem.scale = scale ?? 1 / Float(max(shape.headDim, 1)).squareRoot()
        problem.q = operand(shape.heads, shape.queries, shape.headDim, layout) { random.normal() }
        problem.k = operand(shape.kvHeads, shape.keys, shape.headDim, layout) { random.normal() }
        problem.v = operand(shape.kvHeads, shape.keys, shape.valueDim, layout) { random.normal() }
        problem.o = operand(shape.heads, shape.queries, shape.valueDim, layout) { .nan }
        problem.lse = operand(shape.heads, shape.queries, 1, .bhsd) { .nan }
        outputs = [problem.o, problem.lse].map { (Self.floats($0.data), Int($0.count)) }
        add(masking, &random)
        addRules(masking, &random)
    }

    deinit { for release in releases { release() } }

    private func add(_ masking: Masking, _ random: inout SeededRandom) {
        if masking.contains(.topLeft) { problem.causal = ck_causal.CK_CAUSAL_TOP_LEFT }
        if masking.contains(.bottomRight) { problem.causal = ck_causal.CK_CAUSAL_BOTTOM_RIGHT }
        let (q, k) = (Int64(shape.queries), Int64(shape.keys))
        if masking.contains(.keep) || masking.contains(.drop) {
            problem.mask_kind = masking.contains(.keep) ? ck_mask_kind.CK_MASK_KEEP : ck_mask_kind.CK_MASK_DROP
            // Whole stretches of keys and single ones, the same for all heads.
            let bytes = allocate(UInt8.self, shape.batch * shape.queries * shape.keys)
            for i in 0..<(shape.batch * shape.queries * shape.keys) {
                let visible = i / 37 % 3 != 0 && random.uniform() < 0.8
                bytes[i] = visible == masking.contains(.keep) ? 1 : 0
            }
            problem.mask = ck_score_operand(
                data: bytes, count: Int64(shape.batch) * q * k, offset: 0, batch_stride: q * k, head_stride: 0,
                row_stride: k, column_stride: 1)
        }
        if masking.contains(.bias) {
            let floats = allocate(Float.self, shape.heads * shape.keys)
            for i in 0..<(shape.heads * shape.keys) { floats[i] = i % 19 == 7 ? -.infinity : random.normal() }
            problem.bias = ck_score_operand(
                data: floats, count: Int64(shape.heads) * k, offset: 0, batch_stride: 0, head_stride: k,
                row_stride: 0, column_stride: 1)
        }
        if masking.contains(.keyLengths) {
            let lengths = allocate(Int64.self, shape.batch)
            for b in 0..<shape.batch { lengths[b] = Int64(shape.keys * (b + 2) / (shape.batch + 2)) }
            problem.kv_lengths = UnsafePointer(lengths)
            problem.kv_lengths_count = Int64(shape.batch)
        }
    }

    func allocate<T>(_: T.Type, _ count: Int) -> UnsafeMutablePointer<T> {
        let memory = UnsafeMutablePointer<T>.allocate(capacity: max(count, 1))
        releases.append { memory.deallocate() }
        return memory
    }

    private func operand(
        _ heads: Int, _ rows: Int, _ width: Int, _ layout: Layout, _ value: () -> Float
    ) -> ck_operand {
        let padded = layout == .padded ? width + 3 : width
        var x = ck_operand()
        x.row_stride = Int64(layout == .bshd ? heads * padded : padded)
        x.head_stride = Int64(layout == .bshd ? padded : rows * padded)
        x.batch_stride = Int64(heads * rows * padded)
        x.offset = layout == .padded ? 5 : 0
        let count = shape.batch * heads * rows * padded + Int(x.offset)
        let whole = allocate(Float.self, count + 2 * Self.guardElements)
        for i in 0..<(count + 2 * Self.guardElements) { whole[i] = .nan }
        x.data = UnsafeMutableRawPointer(whole + Self.guardElements)
        x.count = Int64(count)
        for b in 0..<shape.batch {
            for h in 0..<heads {
                for i in 0..<rows { for c in 0..<width { Self.row(x, b, h, i)[c] = value() } }
            }
        }
        return x
    }

    static func floats(_ data: UnsafeMutableRawPointer?) -> UnsafeMutablePointer<Float> {
        data!.assumingMemoryBound(to: Float.self)
    }

    static func row(_ x: ck_operand, _ b: Int, _ h: Int, _ i: Int) -> UnsafeMutablePointer<Float> {
        let index = x.offset + Int64(b) * x.batch_stride + Int64(h) * x.head_stride + Int64(i) * x.row_stride
        return floats(x.data) + Int(index)
    }

    func row(_ x: KeyPath<ck_attention_problem, ck_operand>, _ b: Int, _ h: Int, _ i: Int)
        -> UnsafeMutablePointer<Float>
    {
        Self.row(problem[keyPath: x], b, h, i)
    }

    /// O and lse of a call, dense, in the order [batch][head][query].
    struct Result {
        var output: [Float] = []
        var lse: [Float] = []
        var bits: [UInt32] { (output + lse).map(\.bitPattern) }
    }

    func run(_ kernel: ck_kernel, isa: ck_isa = .CK_ISA_AUTO, threads: Int = 1) throws -> Result {
        for (data, count) in outputs { for i in 0..<count { data[i] = .nan } }
        var options = ck_options_default()
        options.isa = isa
        options.threads = Int32(threads)
        var diagnosis = ck_diagnosis()
        let status = ck_attention_forward(kernel, &problem, &options, &diagnosis)
        try #require(status == ck_status.CK_OK, "\(String(cString: ck_status_text(status))) \(diagnosis)")
        expectGuardsIntact()
        var result = Result()
        forEachRow { b, h, i in
            result.output += UnsafeBufferPointer(start: row(\.o, b, h, i), count: shape.valueDim)
            result.lse.append(row(\.lse, b, h, i)[0])
        }
        return result
    }

    func forEachRow(_ body: (Int, Int, Int) throws -> Void) rethrows {
        for b in 0..<shape.batch {
            for h in 0..<shape.heads { for i in 0..<shape.queries { try body(b, h, i) } }
        }
    }

    private func expectGuardsIntact() {
        for (data, count) in outputs {
            let surrounding = (-Self.guardElements..<0).map { $0 } + (count..<(count + Self.guardElements))
            #expect(surrounding.allSatisfy { data[$0].isNaN }, "a call wrote outside its output")
        }
    }

    func oracle() throws -> (output: [Double], lse: [Double]) {
        var output: [Double] = []
        var lse: [Double] = []
        var weights = [Double](repeating: 0, count: shape.keys + 1)
        var o = [Double](repeating: 0, count: shape.valueDim + 1)
        try forEachRow { b, h, i in
            var value = 0.0
            let status = ck_oracle_attention_row(&problem, Int64(b), Int64(h), Int64(i), &o, &value, &weights, nil)
            try #require(status == ck_status.CK_OK)
            output += o[..<shape.valueDim]
            lse.append(value)
        }
        return (output, lse)
    }
}

/// The ISAs this machine runs, best first; those with an FMA give equal bits.
enum Isas {
    static let all: [ck_isa] = (0..<ck_isa_count()).map { ck_isa_at($0) }
    static let withFMA: [ck_isa] = all.filter { $0 != ck_isa.CK_ISA_PORTABLE }
}

extension ck_isa {
    var name: String { String(cString: ck_isa_name(self)) }
}

let usableCores = Int(ck_machine_info().pointee.usable_cores)

/// Where two results differ first; whole arrays would flood a report.
struct BitDifference: Equatable {
    let index: Int
    /// Nil where there is no such element.
    let bits, expected: UInt32?
}

/// Nil where the bits are equal.
func firstDifference<C: Collection<UInt32>, D: Collection<UInt32>>(_ bits: C, _ expected: D) -> BitDifference? {
    let index = zip(bits, expected).enumerated().first { $0.element.0 != $0.element.1 }?.offset
    guard let index = index ?? (bits.count == expected.count ? nil : min(bits.count, expected.count)) else {
        return nil
    }
    func element<E: Collection<UInt32>>(_ x: E) -> UInt32? { x.dropFirst(index).first }
    return BitDifference(index: index, bits: element(bits), expected: element(expected))
}
