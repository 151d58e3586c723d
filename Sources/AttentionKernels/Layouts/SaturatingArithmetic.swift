// Sizes and strides come from the caller and may be absurd. Layouts saturate instead of trapping or
// wrapping; a saturated stride fits no buffer, so validation refuses it with an error.

extension Int {
    /// `self * other`, or the bound it runs into.
    func saturatingProduct(_ other: Int) -> Int {
        let (product, overflow) = multipliedReportingOverflow(by: other)
        guard overflow else { return product }
        return (self < 0) == (other < 0) ? .max : .min
    }

    /// The magnitude of `self`, or the bound it runs into.
    var saturatingMagnitude: Int { self < 0 ? saturatingProduct(-1) : self }

    /// `self + other`, or the bound it runs into.
    func saturatingSum(_ other: Int) -> Int {
        let (sum, overflow) = addingReportingOverflow(other)
        guard overflow else { return sum }
        return other > 0 ? .max : .min
    }
}
