import AttentionKernels
import CKernels
import Testing

/// An attention case whose operands are stored in the given element types, and the same case with those
/// elements widened to f32. Elements around and between rows stay NaN.
final class TypedAttentionCase {
    struct Types: Sendable, CustomTestStringConvertible {
        var q: DataType
        var k: DataType
        var v: DataType
        var o: DataType
        var testDescription: String { "q \(q) k \(k) v \(v) o \(o)" }

        static let all: [Types] = DataType.allCases.flatMap { q in
            DataType.allCases.flatMap { k in
                DataType.allCases.flatMap { v in DataType.allCases.map { Types(q: q, k: k, v: v, o: $0) } }
            }
        }
        static func uniform(_ type: DataType) -> Types { Types(q: type, k: type, v: type, o: type) }

        /// Whether the bf16 dot product computes this, with its own rounding.
        func usesDot(_ isa: ck_isa) -> Bool {
            isa == ck_isa.CK_ISA_AVX512BF16 && (q, k, v) == (.bfloat16, .bfloat16, .bfloat16)
        }
    }

    /// The f32 case of the same layout, masks and shape; its elements are those of `types`, exactly.
    let widened: AttentionCase
    let types: Types
    var problem: ck_attention_problem
    private var releases: [() -> Void] = []

    init(
        _ shape: AttentionCase.Shape, _ types: Types, masking: AttentionCase.Masking = [],
        layout: AttentionCase.Layout = .bhsd, scale: Float? = nil, seed: UInt64 = 1,
        prepare: (AttentionCase) -> Void = { _ in }
    ) {
        widened = AttentionCase(shape, masking: masking, layout: layout, scale: scale, seed: seed)
        prepare(widened)
        self.types = types
        problem = widened.problem
        problem.q = stored(widened.problem.q, types.q)
        problem.k = stored(widened.problem.k, types.k)
        problem.v = stored(widened.problem.v, types.v)
        problem.o = stored(widened.problem.o, types.o)
    }

    deinit { for release in releases { release() } }

    /// A copy in another element type; the original's elements take on the rounded values.
    private func stored(_ x: ck_operand, _ type: DataType) -> ck_operand {
        switch type {
        case .float32: copy(x, Float.self)
        case .bfloat16: copy(x, BFloat16.self)
        case .float16: copy(x, Float16.self)
        }
    }

    private func copy<Element: TensorElement>(_ x: ck_operand, _: Element.Type) -> ck_operand {
        let memory = UnsafeMutablePointer<Element>.allocate(capacity: max(Int(x.count), 1))
        releases.append { memory.deallocate() }
        let floats = AttentionCase.floats(x.data)
        for i in 0..<Int(x.count) {
            memory[i] = Element(floats[i])
            floats[i] = memory[i].floatValue
        }
        var typed = x
        typed.data = UnsafeMutableRawPointer(memory)
        typed.dtype = Element.dataType.c
        return typed
    }

    /// The bias in another element type; the widened case's takes on the rounded values.
    func storeBias(_ type: DataType) {
        func copy<Element: TensorElement>(_: Element.Type) {
            let count = Int(problem.bias.count)
            let memory = UnsafeMutablePointer<Element>.allocate(capacity: count)
            releases.append { memory.deallocate() }
            let floats = AttentionCase.floats(UnsafeMutableRawPointer(mutating: problem.bias.data))
            for i in 0..<count {
                memory[i] = Element(floats[i])
                floats[i] = memory[i].floatValue
            }
            problem.bias.data = UnsafeRawPointer(memory)
        }
        problem.bias_dtype = type.c
        switch type {
        case .float32: copy(Float.self)
        case .bfloat16: copy(BFloat16.self)
        case .float16: copy(Float16.self)
        }
    }

    static func elements(_ x: ck_operand, _ b: Int, _ h: Int, _ i: Int, _ width: Int) -> [Float] {
        let first = Int(x.offset + Int64(b) * x.batch_stride + Int64(h) * x.head_stride + Int64(i) * x.row_stride)
        func read<Element: TensorElement>(_: Element.Type) -> [Float] {
            let memory = x.data!.assumingMemoryBound(to: Element.self)
            return (first..<first + width).map { memory[$0].floatValue }
        }
        return switch x.dtype {
        case .CK_BF16: read(BFloat16.self)
        case .CK_F16: read(Float16.self)
        default: read(Float.self)
        }
    }

    func run(_ kernel: ck_kernel, isa: ck_isa = .CK_ISA_AUTO, threads: Int = 1) throws -> AttentionCase.Result {
        var options = ck_options_default()
        options.isa = isa
        options.threads = Int32(threads)
        var diagnosis = ck_diagnosis()
        let status = ck_attention_forward(kernel, &problem, &options, &diagnosis)
        try #require(status == ck_status.CK_OK, "\(String(cString: ck_status_text(status))) \(diagnosis)")
        var result = AttentionCase.Result()
        widened.forEachRow { b, h, i in
            result.output += Self.elements(problem.o, b, h, i, widened.shape.valueDim)
            result.lse += Self.elements(problem.lse, b, h, i, 1)
        }
        return result
    }

    /// The f32 kernel's result, its output rounded to the type of this one.
    func widenedResult(_ kernel: ck_kernel, isa: ck_isa, threads: Int = 1) throws -> AttentionCase.Result {
        var result = try widened.run(kernel, isa: isa, threads: threads)
        result.output = result.output.map(types.o.rounded)
        return result
    }

    /// One row as a call of its own.
    func alone(_ b: Int, _ h: Int, _ i: Int, isa: ck_isa, threads: Int) throws -> AttentionCase.Result {
        var single = widened.single(problem, b, h, i)
        func moved(_ x: ck_operand) -> ck_operand {
            var x = x
            x.offset += Int64(b) * x.batch_stride + Int64(h) * x.head_stride + Int64(i) * x.row_stride
            return x
        }
        (single.o, single.lse) = (moved(problem.o), moved(problem.lse))
        var options = ck_options_default()
        options.isa = isa
        options.threads = Int32(threads)
        try #require(ck_attention_forward(ck_kernel.CK_FUSED, &single, &options, nil) == ck_status.CK_OK)
        let output = Self.elements(single.o, 0, 0, 0, widened.shape.valueDim)
        return AttentionCase.Result(output: output, lse: Self.elements(single.lse, 0, 0, 0, 1))
    }
}

extension DataType {
    var c: ck_dtype {
        switch self {
        case .float32: .CK_F32
        case .bfloat16: .CK_BF16
        case .float16: .CK_F16
        }
    }

    func rounded(_ value: Float) -> Float {
        switch self {
        case .float32: value
        case .bfloat16: Float(BFloat16(value))
        case .float16: Float(Float16(value))
        }
    }

    /// The distance of the type's numbers around `value`, a value of Double that the type's range holds.
    func ulp(_ value: Double) -> Double {
        let exponent = max(value == 0 ? -200 : value.exponent, self == .float16 ? -14 : -126)
        let fraction = self == .float32 ? 23 : self == .bfloat16 ? 7 : 10
        return Double(sign: .plus, exponent: Int(exponent) - fraction, significand: 1)
    }
}
