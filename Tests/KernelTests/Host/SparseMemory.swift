import Foundation
import Testing

/// Zeroed floats in as much address space as one likes: only pages that are touched take memory.
final class SparseMemory {
    let count: Int
    let start: UnsafeMutablePointer<Float>
    private var bytes: Int { count * MemoryLayout<Float>.stride }

    init(count: Int) throws {
        self.count = count
        let size = count * MemoryLayout<Float>.stride
        let memory = mmap(nil, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)
        try #require(memory != MAP_FAILED, "no \(size) bytes of address space: \(String(cString: strerror(errno)))")
        start = try #require(memory).bindMemory(to: Float.self, capacity: count)
    }

    deinit { munmap(start, bytes) }
}
