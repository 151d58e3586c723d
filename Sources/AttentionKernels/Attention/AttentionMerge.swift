import CKernels

extension AttentionResult {
    /// The attention over several disjoint sets of keys, from the attention of the same queries over each.
    ///
    /// ```swift
    /// let prefix = try AttentionKernel.fused.attend(query: q, key: k0, value: v0, returning: .lse)
    /// let rest = try AttentionKernel.fused.attend(query: q, key: k1, value: v1, options: causal, returning: .lse)
    /// let whole = try AttentionResult.merged([prefix, rest])
    /// ```
    ///
    /// Results are taken in the order given and summed in double precision, so the same results in the same order give
    /// the same bits everywhere. One that saw no key adds nothing. A sink belongs into one of the calls only.
    ///
    /// - Parameters:
    ///   - results: one or more, each with its lse, all of one shape.
    ///   - execution: threads.
    /// - Returns: output and lse of all keys together; no weights.
    /// - Throws: ``KernelError`` if there are none, a shape differs or an lse is missing.
    /// - Complexity: O(*results · output elements*).
    public static func merged(
        _ results: [AttentionResult], execution: Execution = .shared
    ) throws(KernelError) -> AttentionResult {
        guard let first = results.first else {
            throw KernelError(.shapeMismatch, .states, "there are none; there should be one or more")
        }
        for (index, result) in results.enumerated() {
            guard result.output.shape == first.output.shape, let lse = result.lse,
                lse.shape == first.output.shape.dropLast()
            else {
                throw KernelError(
                    .shapeMismatch, .states,
                    "result \(index) has the output \(result.output.shape) and the lse "
                        + "\(result.lse.map { "\($0.shape)" } ?? "nil"); all should have the output "
                        + "\(first.output.shape) and an lse")
            }
        }
        var output = try Tensor(uninitialized: first.output.shape)
        var lse = try Tensor(uninitialized: first.output.shape.dropLast())
        try merge(results, into: &output, &lse, execution)
        return AttentionResult(output: output, lse: lse, weights: nil)
    }

    private static func merge(
        _ results: [AttentionResult], into output: inout Tensor, _ lse: inout Tensor, _ execution: Execution
    ) throws(KernelError) {
        // Every dimension but the last counts rows: one sequence, one head.
        let width = output.shape.last ?? 0
        let rows = lse.count
        func operand(_ tensor: Tensor, _ width: Int) -> ck_operand {
            ck_operand(
                data: tensor.storage.start, count: Int64(tensor.count), offset: 0, batch_stride: 0, head_stride: 0,
                row_stride: Int64(width), dtype: .CK_F32)
        }
        let states = results.map { result in
            ck_attention_state(o: operand(result.output, width), lse: operand(result.lse ?? lse, 1))
        }
        var problem = ck_merge_problem()
        (problem.batch, problem.heads, problem.seqlen_q, problem.value_dim) = (1, 1, Int64(rows), Int64(width))
        (problem.o, problem.lse) = (operand(output, width), operand(lse, 1))
        problem.count = Int64(states.count)
        var diagnosis = ck_diagnosis()
        let options = execution.cOptions(nil)
        let status = states.withUnsafeBufferPointer { states in
            problem.states = states.baseAddress
            return withExtendedLifetime(results) {
                withUnsafePointer(to: options) { ck_attention_merge(&problem, $0, &diagnosis) }
            }
        }
        if status != .CK_OK { throw KernelError(status, diagnosis) { $0.rawValue } }
    }
}
