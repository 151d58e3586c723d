// What this library needs of the C library: aligned memory and the environment.

#if canImport(Darwin)
    import Darwin
#elseif canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// The alignment of all memory this library owns: a cache line, and the widest vector register.
let memoryAlignment = 64

/// Memory aligned to 64 bytes for `deallocateAligned`; nil if there is not enough, so that callers can throw where
/// the allocator of the standard library would end the process.
func allocateAligned(byteCount: Int) -> UnsafeMutableRawBufferPointer? {
    var start: UnsafeMutableRawPointer?
    // Never 0 bytes: an empty buffer still has an address to hand to C.
    guard posix_memalign(&start, memoryAlignment, max(byteCount, memoryAlignment)) == 0 else { return nil }
    return UnsafeMutableRawBufferPointer(start: start, count: byteCount)
}

func deallocateAligned(_ bytes: UnsafeMutableRawBufferPointer) {
    free(bytes.baseAddress)
}

/// The value of an environment variable, if it is set.
func environmentVariable(_ name: String) -> String? {
    getenv(name).map { String(cString: $0) }
}
