import ONNXOperators
import Testing

/// What the standard's node cases leave out: attributes with their other values, masks of every kind, and errors.
@Suite struct ONNXOperatorTests {
    private static func floats(_ shape: [Int], _ type: ONNXFloatType = .float32, _ value: (Int) -> Float) throws
        -> ONNXTensor
    {
        try ONNXTensor(shape: shape, values: .floats((0..<shape.reduce(1, *)).map { type.rounded(value($0)) }, type))
    }

    private static func elements(_ tensor: ONNXTensor?) throws -> [Float] {
        guard case .floats(let elements, _) = try #require(tensor).values else { return [] }
        return elements
    }

    private static func qkv(_ queries: Int, _ keys: Int) throws -> [String: ONNXTensor] {
        [
            "Q": try floats([1, 2, queries, 4]) { Float($0 % 7) / 7 - 0.4 },
            "K": try floats([1, 2, keys, 4]) { Float($0 % 5) / 5 - 0.3 },
            "V": try floats([1, 2, keys, 3]) { Float($0 % 11) - 5 },
        ]
    }

    private static func attend(
        _ inputs: [String: ONNXTensor], opset: Int = 25, _ attributes: ONNXAttributes = [:]
    ) throws -> [String: ONNXTensor] {
        try ONNXOperator(name: "Attention", opset: opset, attributes: attributes).run(inputs)
    }

    /// The same mask as booleans, numbers and integers, and cut short where it only hides.
    @Test func masksOfEveryKind() throws {
        var inputs = try Self.qkv(3, 5)
        let visible = [true, false, true, false, false]
        inputs["attn_mask"] = try ONNXTensor(shape: [5], values: .booleans(visible))
        let expected = try Self.elements(Self.attend(inputs)["Y"])
        #expect(expected.contains { $0 != 0 })
        inputs["attn_mask"] = try Self.floats([1, 5]) { visible[$0] ? 0 : -.infinity }
        #expect(try Self.elements(Self.attend(inputs)["Y"]) == expected)
        inputs["attn_mask"] = try ONNXTensor(shape: [1, 1, 3], values: .booleans(Array(visible[..<3])))
        #expect(try Self.elements(Self.attend(inputs)["Y"]) == expected)
        inputs["attn_mask"] = try ONNXTensor(shape: [5], values: .integers([1, 1, 1, 1, 1]))
        let shifted = try Self.elements(Self.attend(inputs)["Y"])
        inputs["attn_mask"] = nil
        let plain = try Self.elements(Self.attend(inputs)["Y"])
        #expect(zip(shifted, plain).allSatisfy { abs($0 - $1) < 1e-6 })
    }

    /// The raw scores, capped, with mask, and as weights: each from the one before.
    @Test func scoreOutputsFollowEachOther() throws {
        var inputs = try Self.qkv(3, 5)
        inputs["attn_mask"] = try Self.floats([3, 5]) { $0 == 4 ? -.infinity : Float($0) / 8 }
        func scores(_ mode: Int) throws -> [Float] {
            let attributes: ONNXAttributes = [
                "qk_matmul_output_mode": .integer(mode), "softcap": .float(0.25), "is_causal": .integer(1),
                "left_window_size": .integer(1), "right_window_size": .integer(0),
            ]
            return try Self.elements(Self.attend(inputs, attributes)["qk_matmul_output"])
        }
        let (raw, capped, masked, weights) = (try scores(0), try scores(1), try scores(2), try scores(3))
        for index in 0..<30 {
            let (i, j) = (index / 5 % 3, index % 5)
            let isVisible = j <= i && j >= i - 1 && index % 15 != 4
            #expect(abs(capped[index]) <= 0.25 && abs(capped[index]) <= abs(raw[index]))
            let added = Float(index % 15) / 8
            #expect(isVisible ? abs(masked[index] - capped[index] - added) < 1e-6 : masked[index] == -.infinity)
            #expect((weights[index] > 0) == isVisible)
        }
    }

    /// A past of three keys is the same as all keys at once, with the causal offset moved by three.
    @Test func thePastStandsInFront() throws {
        let whole = try Self.qkv(2, 5)
        var inputs = whole
        func part(_ name: String, _ width: Int, _ range: Range<Int>) throws -> ONNXTensor {
            let elements = try Self.elements(whole[name])
            var heads: [Float] = []
            for head in 0..<2 {
                let first = (head * 5 + range.lowerBound) * width
                heads += elements[first..<first + range.count * width]
            }
            return try ONNXTensor(shape: [1, 2, range.count, width], values: .floats(heads, .float32))
        }
        for (name, past, width) in [("K", "past_key", 4), ("V", "past_value", 3)] {
            inputs[past] = try part(name, width, 0..<3)
            inputs[name] = try part(name, width, 3..<5)
        }
        let result = try Self.attend(inputs, ["is_causal": .integer(1)])
        #expect(try Self.elements(result["present_key"]) == Self.elements(whole["K"]))
        var padded = whole
        padded["nonpad_kv_seqlen"] = try ONNXTensor(shape: [1], values: .integers([5]))
        let expected = try Self.attend(padded, ["is_causal": .integer(1)])
        #expect(try Self.elements(result["Y"]) == Self.elements(expected["Y"]))
    }

    @Test func brokenNodesAreRefused() throws {
        func expectError(
            _ word: String, _ attributes: ONNXAttributes = [:], sourceLocation: SourceLocation = #_sourceLocation,
            _ change: (inout [String: ONNXTensor]) throws -> Void = { _ in }
        ) throws {
            var inputs = try Self.qkv(3, 5)
            try change(&inputs)
            let error = #expect(throws: ONNXError.self, sourceLocation: sourceLocation) {
                _ = try Self.attend(inputs, attributes)
            }
            #expect(
                "\(String(describing: error))".contains(word), "\(String(describing: error))",
                sourceLocation: sourceLocation)
        }
        try expectError("needs the input Q") { $0["Q"] = nil }
        try expectError("one rank") { $0["K"] = try Self.floats([5, 4]) { _ in 0 } }
        try expectError("past_key and past_value") { $0["past_key"] = $0["K"] }
        try expectError("softmax_precision", ["softmax_precision": .integer(7)])
        try expectError("qk_matmul_output_mode", ["qk_matmul_output_mode": .integer(4)])
        try expectError("left_window_size", ["left_window_size": .integer(-2)])
        try expectError("q_num_heads", ["q_num_heads": .integer(2)])
        try expectError("there are 5") { $0["attn_mask"] = try Self.floats([6]) { _ in 0 } }
        try expectError("floating-point") { $0["V"] = try ONNXTensor(shape: [0], values: .integers([])) }
        try expectError("should be an integer", ["is_causal": .string("yes")])
        let error = #expect(throws: ONNXError.self) { _ = try ONNXOperator(name: "Sigmoid", opset: 13).run([:]) }
        #expect(error == .unsupported("operator Sigmoid"))
    }

    @Test func graphsModifyScoresAndProbabilities() throws {
        let inputs = try Self.qkv(3, 5)
        func flex(_ attributes: ONNXAttributes) throws -> [Float] {
            let node = ONNXOperator(name: "FlexAttention", domain: "ai.onnx.preview", opset: 1, attributes: attributes)
            return try Self.elements(node.run(inputs)["Y"])
        }
        let causal = """
            mod (float[B,H,L,S] x) => (float[B,H,L,S] y) <float hidden = {-1e30}, int64[2] qs = {-1, 1}>
            {
              shape = Shape (x)
              lengths = Gather <axis: int = 0> (shape, two)
              two = Constant <value = int64 {2}> ()
              y = Identity (x)
            }
            """
        #expect(throws: ONNXError.invalid("Gather reads two, which is not there")) {
            _ = try flex(["score_mod": .graph(causal)])
        }
        let half = "p (float[B,H,L,S] x) => (float[B,H,L,S] y) <float h = {0.5}> { y = Mul (x, h) }"
        let whole = try flex([:])
        #expect(zip(try flex(["prob_mod": .graph(half)]), whole).allSatisfy { abs($0 - $1 / 2) < 1e-6 })
        let relu = "p (float[B,H,L,S] x) => (float[B,H,L,S] y) { c = Greater (x, x) \n y = Where (c, x, x) }"
        #expect(zip(try flex(["score_mod": .graph(relu)]), whole).allSatisfy { abs($0 - $1) < 1e-6 })
        for text in [
            "p (float x) => (float y) { y = Conv (x) }", "p (float x", "p (float x) => (float z) { y = Neg (x) }",
        ] {
            #expect(throws: ONNXError.self) { _ = try flex(["score_mod": .graph(text)]) }
        }
    }

    @Test func numbersRoundToTheirType() {
        #expect(ONNXFloatType.float16.rounded(1 + 0x1p-11) == 1)
        #expect(ONNXFloatType.float16.rounded(1 + 0x1.8p-10) == 1 + 0x1p-9)
        #expect(ONNXFloatType.float16.rounded(65520) == .infinity && ONNXFloatType.float16.rounded(65519) == 65504)
        #expect(ONNXFloatType.float16.rounded(0x1p-25) == 0 && ONNXFloatType.float16.rounded(0x1.8p-25) == 0x1p-24)
        #expect(ONNXFloatType.bfloat16.rounded(1 + 0x1p-8) == 1 && ONNXFloatType.bfloat16.rounded(.nan).isNaN)
        #expect(ONNXFloatType.bfloat16.rounded(-3.4e38) == -.infinity)
    }
}
