import CKernels

/// How a call would run, how much of it its masks let it skip, and why. Nothing is computed to tell.
public struct AttentionExplanation: Sendable, Hashable, CustomStringConvertible {
    /// The kernel asked for.
    public let kernel: AttentionKernel
    /// The instruction set of the call.
    public let instructionSet: InstructionSet
    /// The threads that the call uses, and those it may use.
    public let threads, allowedThreads: Int
    /// The pieces of work that threads take.
    public let tasks: Int
    /// Query rows of a task; for `fused` over all heads that share a key-value head.
    public let taskRows: Int
    /// Rows and keys of a tile, which is skipped as a whole or computed.
    public let tileRows, tileKeys: Int
    /// Parts of the keys whose results are combined; `splitsKeys` when they are tasks of their own.
    public let keyChunks: Int
    public let splitsKeys: Bool
    /// Whether everything asked for comes out of the one fused pass. The weights do not: `fused` computes them by
    /// `blocked`, beside its own output.
    public let isEntirelyFused: Bool
    /// Queries times keys, over batch and heads, and how many of these pairs lie in tiles that are computed: those that
    /// positions, segments and the block mask leave. A mask or bias may hide more; they are not read.
    public let pairs, computedPairs: Double
    /// Floating-point operations of both products over the computed pairs; a fused multiply-add counts two.
    public let flops: Double
    /// Bytes of all operands, each once.
    public let bytes: Double
    /// Bytes of scratch memory.
    public let workspaceByteCount: Int

    /// The share of pairs that are skipped, from 0 to 1.
    public var skippedShare: Double { pairs > 0 ? max(0, 1 - computedPairs / pairs) : 0 }

    init(_ c: ck_attention_explanation, kernel: AttentionKernel) {
        self.kernel = kernel
        instructionSet = InstructionSet(c.isa) ?? .portable
        (threads, allowedThreads, tasks) = (Int(c.threads), Int(c.threads_allowed), Int(c.tasks))
        (taskRows, tileRows, tileKeys) = (Int(c.task_rows), Int(c.tile_rows), Int(c.tile_keys))
        (keyChunks, splitsKeys) = (Int(c.chunks), c.splits_keys)
        isEntirelyFused = kernel == .fused && !c.weights_by_blocked
        (pairs, computedPairs, flops, bytes) = (c.pairs, c.pairs_computed, c.flops, c.bytes)
        workspaceByteCount = c.workspace_bytes
    }

    /// Why it runs so, one sentence each.
    public var reasons: [String] {
        var reasons: [String] = []
        switch kernel {
        case .naive: reasons.append("naive keeps the scores of a whole head: it is the specification, not for speed")
        case .blocked: reasons.append("blocked keeps the scores of a task's rows against all keys")
        case .fused: reasons.append("fused keeps no scores: its memory does not grow with the keys")
        }
        if threads < allowedThreads {
            reasons.append(
                kernel == .fused
                    ? "\(threads) of \(allowedThreads) threads: there is too little work for more"
                    : "\(threads) of \(allowedThreads) threads: there are no more tasks")
        }
        if splitsKeys {
            reasons.append("chunks of keys are tasks: there are too few query rows to employ every thread")
        } else if keyChunks > 1 {
            reasons.append("keys are summed in \(keyChunks) chunks, so that the bits do not depend on the split")
        }
        if kernel == .fused && !isEntirelyFused {
            reasons.append("the weights come from the blocked pass, beside the fused output")
        }
        if skippedShare > 0 {
            reasons.append(
                "tiles of \(tileRows) x \(tileKeys) that no query sees by position, segment or block are skipped")
        }
        return reasons
    }

    /// The whole plan in a few lines.
    public var description: String {
        let percent = (skippedShare * 1000).rounded() / 10
        return
            ([
                "\(kernel.rawValue) on \(instructionSet.name), \(threads) threads, \(tasks) tasks of \(taskRows) rows, "
                    + "tiles of \(tileRows) x \(tileKeys), \(keyChunks) key chunks",
                "\(flops) floating-point operations, \(bytes) bytes of operands, \(workspaceByteCount) bytes of workspace, "
                    + "\(percent) % of pairs skipped",
            ] + reasons).joined(separator: "\n")
    }
}

extension AttentionKernel {
    /// How a call on borrowed memory would run.
    ///
    /// - Parameters:
    ///   - problem: the problem.
    ///   - outputs: the outputs wanted besides the attention.
    ///   - execution: threads and instruction set.
    /// - Throws: ``KernelError`` as the call would.
    /// - Complexity: O(*batch · heads · queryLength · keyLength / 8192*), and less where tiles are skipped.
    public func explain(
        _ problem: AttentionProblem, returning outputs: AttentionOutputs = [], execution: Execution = .shared
    ) throws(KernelError) -> AttentionExplanation {
        let places = problem.placesToMeasure(outputs, as: nil)
        var cProblem = try problem.cProblem(places)
        var explanation = ck_attention_explanation()
        // The query for the exact workspace, with more of the plan.
        _ = try execution.workspaceByteCount(
            measure: { options, byteCount, diagnosis in
                withUnsafePointer(to: options) {
                    ck_attention_explain(cValue, &cProblem, $0, &explanation, &diagnosis)
                }
            },
            describe: { problem.describe($0, places) })
        return AttentionExplanation(explanation, kernel: self)
    }

    /// How a call on tensors would run; arguments as in ``attend(query:key:value:options:returning:execution:)``.
    ///
    /// - Throws: ``KernelError`` as the call would.
    public func explain(
        query: some StridedTensor, key: some StridedTensor, value: some StridedTensor,
        options: AttentionOptions = AttentionOptions(), returning outputs: AttentionOutputs = [],
        execution: Execution = .shared
    ) throws(KernelError) -> AttentionExplanation {
        let call = try AttentionTensorCall(query.view, key.view, value.view, options)
        return try explain(try call.problem, returning: outputs, execution: execution)
    }
}
