import CKernels

/// How the left factor of a product meets quantised weights.
public enum MatmulArithmetic: String, Sendable, Hashable, CaseIterable, Codable {
    /// Weights become floating-point numbers, exactly but for one rounding in Q4_1, and sums are `Float`.
    case float
    /// Rows of the left factor become integers of 16 bits, and integers are multiplied and added exactly.
    ///
    /// Each 32 consecutive elements of a row, one block of the weights, are rounded to whole multiples of 1/32767 of their
    /// largest magnitude, an error of at most 2⁻¹⁶ of it in each. Beside ``BFloat16``, which errs by up to 2⁻⁹ of each
    /// element, that is nearly the product of `Float`, in less time than this takes: on AVX-512 with its integer dot product
    /// 1.4 to 1.6 times as fast for many rows, 2 to 2.6 for few. The result has the same bits on every instruction set,
    /// `portable` too. NaN or infinity in a block makes its row of the result NaN; a block below 2⁻¹⁰⁰ counts as 0.
    ///
    /// Only quantised weights are multiplied so; with another right factor the call throws.
    case integer16

    var cValue: ck_arithmetic {
        switch self {
        case .float: .CK_ARITHMETIC_FLOAT
        case .integer16: .CK_ARITHMETIC_INT16
        }
    }

    init(_ arithmetic: ck_arithmetic) {
        self = arithmetic == .CK_ARITHMETIC_INT16 ? .integer16 : .float
    }
}
