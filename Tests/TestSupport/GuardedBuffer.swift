import AttentionKernels

/// Floats for an operand with a margin on both sides, all of it poisoned with one NaN: whoever reads outside the operand
/// shows it in his result, and whoever writes outside it is found by ``isIntact(_:)``.
public final class GuardedBuffer: @unchecked Sendable {
    /// The bits of the poison: a quiet NaN that no arithmetic makes.
    public static let poisonBits: UInt32 = 0x7FDE_ADBE
    /// The poison itself.
    public static var poison: Float { Float(bitPattern: poisonBits) }
    /// The elements of each margin: 64 bytes and more beyond any vector, and a multiple of their alignment.
    public static let margin = 128

    /// The number of elements between the margins.
    public let count: Int
    private let block: UnsafeMutablePointer<Float>
    private let lead: Int

    /// Poisoned memory for `count` elements, whose first lies `misalignment` elements behind a 64-byte boundary.
    public init(count: Int, misalignment: Int = 0) {
        self.count = count
        lead = Self.margin + misalignment
        let total = lead + count + Self.margin
        let raw = UnsafeMutableRawPointer.allocate(byteCount: total * MemoryLayout<Float>.stride, alignment: 64)
        block = raw.bindMemory(to: Float.self, capacity: total)
        for index in 0..<total { block[index] = Self.poison }
    }

    deinit {
        UnsafeMutableRawPointer(block).deallocate()
    }

    /// Poisoned memory for a layout, its elements set in the order `[batch, heads, length, width]`.
    public convenience init(_ layout: AttentionLayout, _ elements: [Float], misalignment: Int = 0) {
        self.init(count: layout.elementCount, misalignment: misalignment)
        for (position, element) in zip(layout.positions, elements) { self[position] = element }
    }

    /// The first element between the margins.
    public var start: UnsafeMutablePointer<Float> { block + lead }

    /// The elements between the margins, to read.
    public var span: Span<Float> {
        @_lifetime(borrow self)
        get {
            _overrideLifetime(Span(_unsafeStart: UnsafePointer(start), count: count), borrowing: self)
        }
    }

    /// The elements between the margins, or the first of them, to write: no one else may use the buffer meanwhile.
    @_lifetime(borrow self)
    public func mutableSpan(first count: Int? = nil) -> MutableSpan<Float> {
        _overrideLifetime(MutableSpan(_unsafeStart: start, count: count ?? self.count), borrowing: self)
    }

    public subscript(position: Int) -> Float {
        get { start[position] }
        set { start[position] = newValue }
    }

    /// Poisoned memory for a layout of matrices, its elements set in the order `[batch, rows, columns]`.
    public convenience init(_ layout: MatrixLayout, _ elements: [Float], misalignment: Int = 0) {
        // By positions: the highest index of a layout that runs backwards is not at its last element.
        let positions = layout.positions
        self.init(count: (positions.max() ?? -1) + 1, misalignment: misalignment)
        for (position, element) in zip(positions, elements) { self[position] = element }
    }

    /// The elements of a layout in the order `[batch, heads, length, width]`.
    public func elements(_ layout: AttentionLayout) -> [Float] {
        layout.positions.map { self[$0] }
    }

    /// Whether all memory outside the given layouts still holds the poison.
    public func isIntact(_ layouts: AttentionLayout...) -> Bool {
        isIntact(outside: layouts.flatMap(\.positions))
    }

    /// Whether all memory outside the given positions still holds the poison.
    public func isIntact(outside positions: [Int]) -> Bool {
        var isWritten = [Bool](repeating: false, count: count)
        for position in positions { isWritten[position] = true }
        return (-lead..<count + Self.margin).allSatisfy {
            start[$0].bitPattern == Self.poisonBits || (isWritten.indices.contains($0) && isWritten[$0])
        }
    }
}

extension AttentionLayout {
    /// The positions of all elements in the order `[batch, heads, length, width]`.
    public var positions: [Int] {
        var positions: [Int] = []
        positions.reserveCapacity(batch * heads * length * width)
        for b in 0..<batch {
            for h in 0..<heads {
                for i in 0..<length {
                    let row = offset + b * batchStride + h * headStride + i * rowStride
                    positions.append(contentsOf: row..<row + width)
                }
            }
        }
        return positions
    }
}

extension MatrixLayout {
    /// The positions of all elements in the order `[batch, rows, columns]`.
    public var positions: [Int] {
        var positions: [Int] = []
        positions.reserveCapacity(batch * rows * columns)
        for n in 0..<batch {
            for i in 0..<rows {
                for j in 0..<columns {
                    positions.append(offset + n * batchStride + i * rowStride + j * columnStride)
                }
            }
        }
        return positions
    }
}
