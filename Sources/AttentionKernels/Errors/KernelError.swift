/// The one error every call of this library throws: which argument is wrong, in what way, and one clear sentence.
///
/// When a call throws, it has written nothing to its outputs.
public struct KernelError: Error, Sendable, Equatable, CustomStringConvertible {
    /// What is wrong.
    public let reason: Reason
    /// The argument that is wrong.
    public let argument: Argument
    /// One sentence that names the argument, what it was and what it should have been.
    public let description: String

    /// An error with the facts of its sentence left to the caller.
    init(_ reason: Reason, _ argument: Argument, _ detail: String) {
        self.reason = reason
        self.argument = argument
        self.description = "\(argument.rawValue): \(detail)"
    }

    /// What can be wrong with an argument.
    public enum Reason: String, Sendable, Hashable, CaseIterable {
        /// A tensor has the wrong number of dimensions.
        case wrongRank
        /// A size differs from the same size of another argument.
        case shapeMismatch
        /// The number of elements given is not the product of the shape.
        case elementCountMismatch
        /// A size is negative.
        case negativeSize
        /// A size, or a product of sizes and strides, is too large.
        case sizeOverflow
        /// The number of heads is not a multiple of the number of key-value heads.
        case headsNotMultiple
        /// Elements of an output, or rows of an input, share memory.
        case strideTooSmall
        /// The last dimension of a view is not contiguous.
        case notContiguous
        /// The element type is none that the argument takes.
        case wrongElementType
        /// The layout reaches outside the buffer.
        case spanTooShort
        /// An output overlaps another argument in memory.
        case overlap
        /// A factor is NaN or infinite.
        case notFinite
        /// A value is outside its range.
        case invalidValue
        /// A key length is negative or longer than the keys.
        case invalidKeyLength
        /// The number of threads is outside its range.
        case invalidThreadCount
        /// The instruction set is unknown, or this CPU or build does not have it.
        case instructionSetUnavailable
        /// The workspace is too small or not aligned to 64 bytes.
        case workspaceTooSmall
        /// A page table names a page outside the pool, or has too few.
        case invalidPage
        /// Rows would be appended to a page that is in use elsewhere.
        case sharedPage
        /// A cache has no room for the rows to be appended.
        case cacheFull
        /// There is not enough memory.
        case outOfMemory
        /// A packed matrix is for another instruction set, size or element type, or is none.
        case packedMismatch
        /// An index is outside the rows it chooses from.
        case invalidIndex
        /// A query or prefix length is negative or longer than what it bounds.
        case invalidLength
        /// The execution allows the fused pass only, and it does not compute what is asked for.
        case notFused
    }

    /// The arguments of this library's calls.
    public enum Argument: String, Sendable, Hashable, CaseIterable {
        case query, key, value, output, lse, weights
        case batch, heads, kvHeads, queryLength, keyLength, headDim, valueDim
        case mask, bias, keyLengths, causality, queryOffset, scale
        case a, b, c, m, n, k, alpha, beta
        case rowScale, columnScale, activation, residual, arithmetic
        case kernel, threads, workspace
        /// The instruction set, known to users of the tools and of `CK_ISA` as the ISA.
        case instructionSet = "isa"
        case shape, elements, dimension
        case pages, newKey, newValue, sequences, capacity
        case alignment, windowLeft, windowRight, queryLengths, prefixLengths, querySegments, keySegments, blocks
        case softcap, headScales, alibiSlopes, sinks
        case states, window, keyStarts, keyScales, valueScales
        case mapQueries, mapKeys, columnMass, entropy, topCount, topWeights, topKeys, cell, heatMap
        case rows, columns, x, y, copy, normScale, normShift, epsilon
        case rotated, cosines, sines, positions, table, ids, positionTable, added, offsets, indices, probability
    }
}
