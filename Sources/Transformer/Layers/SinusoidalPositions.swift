import AttentionKernels

#if canImport(Darwin)
    import Darwin
#elseif canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// The fixed positions of "Attention Is All You Need", section 3.5:
///
/// ```
/// PE(p, 2i) = sin(p / 10000^(2i / width))        PE(p, 2i + 1) = cos(p / 10000^(2i / width))
/// ```
public enum SinusoidalPositions {
    /// The table `[count, width]`, computed in double precision and rounded once; for ``Embedding``.
    ///
    /// - Throws: `KernelError` if a size is negative or memory runs out.
    public static func table(count: Int, width: Int) throws(KernelError) -> Tensor {
        try Tensor(shape: [count, width]) { index in
            let (position, column) = (index / width, index % width)
            let angle = Double(position) / pow(10_000, Double(column / 2 * 2) / Double(width))
            return Float(column % 2 == 0 ? sin(angle) : cos(angle))
        }
    }
}
