/// One block of scratch memory aligned to 64 bytes. Its holder frees it or gives it back.
struct Workspace {
    let bytes: UnsafeMutableRawBufferPointer

    /// A block of `byteCount` bytes; nil if there is not enough memory.
    init?(byteCount: Int) {
        guard let bytes = allocateAligned(byteCount: byteCount) else { return nil }
        self.bytes = bytes
    }

    func deallocate() {
        deallocateAligned(bytes)
    }
}
