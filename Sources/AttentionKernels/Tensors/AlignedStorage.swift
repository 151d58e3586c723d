/// The memory of a tensor: a fixed number of elements, aligned to 64 bytes, freed with its last owner.
///
/// Sendable because values reach it only through tensors, which write to it only while they are its one owner.
final class AlignedStorage<Element: BitwiseCopyable>: @unchecked Sendable {
    private let bytes: UnsafeMutableRawBufferPointer
    let start: UnsafeMutablePointer<Element>
    let count: Int

    /// Uninitialised memory for `count` elements; nil if there is not enough.
    init?(uninitializedCount count: Int) {
        let (byteCount, overflow) = count.multipliedReportingOverflow(by: MemoryLayout<Element>.stride)
        guard !overflow, let bytes = allocateAligned(byteCount: byteCount), let base = bytes.baseAddress else {
            return nil
        }
        self.bytes = bytes
        self.count = count
        self.start = base.bindMemory(to: Element.self, capacity: count)
    }

    deinit {
        deallocateAligned(bytes)
    }

    /// Copies `count` rows of `width` elements from row `source` on to those from `target` on.
    func copyRows(_ source: Int, to target: Int, count: Int, width: Int) {
        (start + target * width).update(from: start + source * width, count: count * width)
    }

    /// A copy with one owner. Ends the process if there is not enough memory, as copying an array does.
    func copy() -> AlignedStorage {
        guard let copy = AlignedStorage(uninitializedCount: count) else {
            preconditionFailure("not enough memory to copy a tensor of \(count) elements")
        }
        copy.start.initialize(from: start, count: count)
        return copy
    }
}
