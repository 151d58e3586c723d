import AttentionKernels
import CKernels
import TestSupport
import Testing

/// Epilogues: every combination against the oracle, and the activations over the whole range of their argument.
@Suite struct GemmEpilogueTests {
    typealias Size = GemmCase.Size

    static let activations = (0...4).compactMap { ck_activation(rawValue: $0) }

    struct Parts: OptionSet, Sendable, CustomTestStringConvertible {
        let rawValue: Int
        static let rowScale = Parts(rawValue: 1)
        static let columnScale = Parts(rawValue: 2)
        static let bias = Parts(rawValue: 4)
        static let residual = Parts(rawValue: 8)
        static let all = (0..<16).map { Parts(rawValue: $0) }
        var testDescription: String { String(rawValue, radix: 2) }

        func add(to gemm: GemmCase, residual arrangement: GemmCase.Arrangement = .rows) {
            if contains(.rowScale) {
                gemm.problem.epilogue.row_scale = gemm.vector(gemm.size.m, center: 1, seed: 31)
            }
            if contains(.columnScale) {
                gemm.problem.epilogue.column_scale = gemm.vector(gemm.size.n, center: -1, seed: 32)
            }
            if contains(.bias) { gemm.problem.epilogue.bias = gemm.vector(gemm.size.n, center: 0, seed: 33) }
            if contains(.residual) { gemm.problem.epilogue.residual = gemm.residual(arrangement, seed: 34) }
        }
    }

    /// No activation is steeper than 1.13, so an error of the sum grows by no more; 8 ulp are the activation's own.
    static func expectCloseToTheOracle(_ c: [Float], _ oracle: GemmOracle, _ comment: String) {
        let bad = c.indices.first { index in
            let error = abs(Double(c[index]) - oracle.c[index])
            return !(error <= 1.13 * 16 * 0x1p-23 * oracle.magnitude[index] + 8 * Double(Float(oracle.c[index]).ulp))
        }
        #expect(bad == nil, "\(comment): \(bad.map { "\(c[$0]) against \(oracle.c[$0]) at \($0)" } ?? "")")
    }

    @Test(arguments: Parts.all, activations)
    func everyCombinationAgreesWithTheOracle(parts: Parts, activation: ck_activation) throws {
        // Several blocks of K; one; a GEMV; both exchanged; and no sum at all.
        for size in [
            Size(26, 35, 520), Size(13, 70, 8), Size(2, 70, 30), Size(70, 3, 300), Size(70, 9, 40), Size(6, 5, 0),
        ] {
            for (c, residual, beta) in [
                (GemmCase.Arrangement.rows, GemmCase.Arrangement.columns, Float(0)), (.columns, .rows, 0.7),
                (.strided, .backwards, -1.3),
            ] {
                let gemm = GemmCase(size, .init(.rows, .columns, c), alpha: 0.7, beta: beta, batch: 2)
                parts.add(to: gemm, residual: residual)
                gemm.problem.epilogue.activation = activation
                let oracle = try gemm.oracle()
                for isa in Isas.all {
                    Self.expectCloseToTheOracle(try gemm.run(isa: isa, threads: 2), oracle, "\(isa.name) \(size) \(c)")
                    #expect(gemm.c.isIntact(outside: gemm.cPositions))
                }
                Self.expectCloseToTheOracle(try gemm.run(.CK_NAIVE), oracle, "naive \(size) \(c)")
            }
        }
    }

    /// Rows in one batch or alone, packed or not: the epilogue keeps the contract of the sums.
    @Test(arguments: activations)
    func sameBitsForEveryThreadCountAndFMAInstructionSet(activation: ck_activation) throws {
        for size in [Size(130, 90, 300), Size(2, 300, 40), Size(90, 3, 300)] {
            let gemm = GemmCase(size, .init(.rows, .columns, .rows), alpha: 0.7, beta: 1)
            Parts([.rowScale, .columnScale, .bias, .residual]).add(to: gemm)
            gemm.problem.epilogue.activation = activation
            try GemmBitsTests.sameForEveryThreadCountAndISA(gemm)
        }
    }

    // MARK: The activations alone

    /// Every exponent of either sign with 40 mantissas each, and the range where the functions bend, finely.
    static let arguments: [Float] = {
        var arguments: [Float] = []
        for exponent in UInt32(0)..<255 {
            for step in UInt32(0)..<40 {
                let magnitude = Float(bitPattern: exponent << 23 | step * 209_715 + step)
                arguments += [magnitude, -magnitude]
            }
        }
        return arguments + (-60_000...60_000).map { Float($0) / 4000 }
    }()

    /// `activation` of each argument: with k = 0 and beta = 1, what reaches it is C itself.
    static func activate(
        _ arguments: [Float], _ activation: ck_activation, _ kernel: ck_kernel = .CK_FUSED, isa: ck_isa = .CK_ISA_AUTO
    ) throws -> (values: [Float], oracle: [Double]) {
        let gemm = GemmCase(Size(1, arguments.count, 0), beta: 1)
        gemm.originalC = arguments
        gemm.problem.epilogue.activation = activation
        return (try gemm.run(kernel, isa: isa), try gemm.oracle().c)
    }

    /// The largest error in ulps of the result, for the arguments that `isIncluded` takes.
    static func ulps(
        _ arguments: [Float], _ result: (values: [Float], oracle: [Double]), where isIncluded: (Float) -> Bool
    ) -> Double {
        var worst = 0.0
        for (x, (value, oracle)) in zip(arguments, zip(result.values, result.oracle)) where isIncluded(x) {
            let error = abs(Double(value) - oracle) / Double(Float(oracle).ulp)
            if !(error <= worst) { worst = error.isNaN ? .infinity : error }
        }
        return worst
    }

    @Test(arguments: activations)
    func activationsAreAccurateOverTheWholeRange(activation: ck_activation) throws {
        for isa in Isas.all {
            let result = try Self.activate(Self.arguments, activation, isa: isa)
            let right = Self.ulps(Self.arguments, result) { $0 >= -1 }
            let left = Self.ulps(Self.arguments, result) { $0 < -1 }
            switch activation {
            case .CK_ACTIVATION_NONE, .CK_ACTIVATION_RELU: #expect(right == 0 && left == 0)
            case .CK_ACTIVATION_SILU, .CK_ACTIVATION_GELU_TANH:
                #expect(right < 3 && left < 3.5, "\(isa.name): \(right), \(left) ulp")
            case .CK_ACTIVATION_GELU:
                #expect(right < 4 && left < (isa == .CK_ISA_PORTABLE ? 8 : 6), "\(isa.name): \(right), \(left) ulp")
            }
        }
    }

    @Test(arguments: activations)
    func naiveActivationsAreAccurateToo(activation: ck_activation) throws {
        let result = try Self.activate(Self.arguments, activation, .CK_NAIVE)
        // e^-2u and erfc of a rounded argument: some |2u| ulp, and results that underflow are 0 a little early.
        let worst = Self.ulps(Self.arguments, result) { $0 > -5 }
        #expect(worst < 64, "\(worst) ulp")
        let tail = zip(Self.arguments, zip(result.values, result.oracle)).filter { $0.0 <= -5 && $0.0 > -.infinity }
        #expect(tail.allSatisfy { abs(Double($0.1.0) - $0.1.1) < 1e-7 })
    }

    @Test(arguments: activations)
    func activationsKnowTheirLimits(activation: ck_activation) throws {
        let isBare = activation == .CK_ACTIVATION_NONE
        let huge = Float.greatestFiniteMagnitude
        for kernel in [ck_kernel.CK_NAIVE, .CK_FUSED] {
            for isa in Isas.all {
                let (values, oracle) = try Self.activate(
                    [.infinity, -.infinity, .nan, 0, -0.0, huge, -huge, .leastNonzeroMagnitude], activation, kernel,
                    isa: isa)
                #expect(values[0] == .infinity)
                #expect(values[1] == (isBare ? -.infinity : 0))
                #expect(values[2].isNaN)
                #expect(values[3] == 0 && values[4] == 0)
                #expect(values[5] == huge)
                #expect(values[6] == (isBare ? -huge : 0))
                for (value, expected) in zip(values, oracle) where !value.isNaN { #expect(value == Float(expected)) }
            }
        }
    }

    @Test(arguments: activations)
    func activationsHaveTheSameBitsOnEveryFMAInstructionSet(activation: ck_activation) throws {
        let expected = bits(try Self.activate(Self.arguments, activation, isa: Isas.withFMA[0]).values)
        for isa in Isas.withFMA {
            #expect(
                try firstDifference(bits(Self.activate(Self.arguments, activation, isa: isa).values), expected) == nil)
        }
    }
}
