import AttentionKernels
import CKernels

/// The oracle refused a problem, which a test should not have given it.
public struct OracleError: Error, CustomStringConvertible {
    let status: ck_status
    let diagnosis: ck_diagnosis

    public var description: String {
        "the oracle refused argument \(diagnosis.argument): \(String(cString: ck_status_text(status))), "
            + "\(diagnosis.actual) against \(diagnosis.expected)"
    }
}

/// All outputs of a problem of attention in double precision, in contiguous order.
public struct AttentionOracle: Sendable {
    /// `[batch, heads, queryLength, valueDim]`.
    public var output: [Double] = []
    /// `[batch, heads, queryLength]`.
    public var lse: [Double] = []
    /// `[batch, heads, queryLength, keyLength]`.
    public var weights: [Double] = []

    /// Every row of `problem`; its outputs are neither needed nor touched.
    public init(_ problem: ck_attention_problem) throws {
        let inputs = problem.withoutOutputs
        var output = [Double](repeating: 0, count: Int(problem.value_dim))
        var weights = [Double](repeating: 0, count: Int(problem.seqlen_k))
        for batch in 0..<problem.batch {
            for head in 0..<problem.heads {
                for row in 0..<problem.seqlen_q {
                    var lse = 0.0
                    var diagnosis = ck_diagnosis()
                    let status = withUnsafePointer(to: inputs) {
                        ck_oracle_attention_row($0, batch, head, row, &output, &lse, &weights, &diagnosis)
                    }
                    guard status == .CK_OK else { throw OracleError(status: status, diagnosis: diagnosis) }
                    self.output += output
                    self.lse.append(lse)
                    self.weights += weights
                }
            }
        }
    }
}

extension ck_attention_problem {
    /// The same inputs with a contiguous output that satisfies validation and is never written.
    fileprivate var withoutOutputs: ck_attention_problem {
        var problem = self
        let layout = AttentionLayout.bhsd(
            batch: Int(batch), heads: Int(heads), length: Int(seqlen_q), width: Int(value_dim))
        problem.o = ck_operand(
            data: nil, count: Int64(layout.elementCount), offset: 0, batch_stride: Int64(layout.batchStride),
            head_stride: Int64(layout.headStride), row_stride: Int64(layout.rowStride), dtype: .CK_F32)
        problem.lse = ck_operand()
        problem.weights = ck_operand()
        return problem
    }
}

/// A matrix product in double precision, in contiguous order.
public struct GemmOracle: Sendable {
    /// `[batch, m, n]`.
    public var c: [Double] = []
    /// `|alpha scales| |A| |B| + |beta C| + |bias| + |residual|`, the scale of a componentwise bound; `[batch, m, n]`.
    public var magnitude: [Double] = []

    /// Every row of `problem`; `c` is read if beta is not 0 and not written.
    public init(_ problem: ck_gemm_problem) throws {
        var row = [Double](repeating: 0, count: Int(problem.n))
        var rowMagnitude = row
        for batch in 0..<problem.batch {
            for index in 0..<problem.m {
                var diagnosis = ck_diagnosis()
                let status = withUnsafePointer(to: problem) {
                    ck_oracle_gemm_row($0, batch, index, &row, &rowMagnitude, &diagnosis)
                }
                guard status == .CK_OK else { throw OracleError(status: status, diagnosis: diagnosis) }
                c += row
                magnitude += rowMagnitude
            }
        }
    }
}
