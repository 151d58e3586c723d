/// A tensor that waits to be written.
struct TensorPayload: Sendable {
    var type: ElementType
    var shape: [Int]
    var contents: Contents

    /// The arrays as the caller gave them: shared, not copied.
    enum Contents: Sendable {
        case bytes([UInt8])
        case floats([Float])
        case integers([Int64])
    }

    var byteCount: Int {
        switch contents {
        case .bytes(let values): values.count
        case .floats(let values): values.count * MemoryLayout<Float>.size
        case .integers(let values): values.count * MemoryLayout<Int64>.size
        }
    }
}

extension TensorPayload.Contents {
    func write(to file: borrowing AtomicFile) throws(SafetensorsError) {
        switch self {
        case .bytes(let values): try Self.write(values, to: file)
        case .floats(let values): try Self.write(values, to: file)
        case .integers(let values): try Self.write(values, to: file)
        }
    }

    // In memory as in the file: every platform that Swift supports here is little-endian.
    private static func write<Element>(_ values: [Element], to file: borrowing AtomicFile) throws(SafetensorsError) {
        // Array.withUnsafeBytes does not carry a typed error out.
        let result = values.withUnsafeBytes { bytes in
            Result { () throws(SafetensorsError) in try file.append(bytes) }
        }
        try result.get()
    }
}
