/// Collects tensors and writes them as one safetensors file.
///
/// ```swift
/// var writer = SafetensorsWriter()
/// try writer.add("o", shape: [2, 3], floats: output)
/// try writer.write(path: "out.safetensors")
/// ```
public struct SafetensorsWriter: Sendable {
    /// Free text entries for the header's `__metadata__`; left out where empty.
    public var metadata: [String: String]

    private var tensors: [String: TensorPayload] = [:]

    /// Makes a writer without tensors.
    public init(metadata: [String: String] = [:]) { self.metadata = metadata }

    /// Adds an F32 tensor of row-major `floats`.
    ///
    /// - Throws: ``SafetensorsError`` if the name is taken or reserved, or the count is not the product of `shape`.
    public mutating func add(_ name: String, shape: [Int], floats: [Float]) throws(SafetensorsError) {
        try add(name, TensorPayload(type: .float32, shape: shape, contents: .floats(floats)))
    }

    /// Adds an I64 tensor of row-major `integers`.
    ///
    /// - Throws: ``SafetensorsError`` if the name is taken or reserved, or the count is not the product of `shape`.
    public mutating func add(_ name: String, shape: [Int], integers: [Int]) throws(SafetensorsError) {
        let contents = TensorPayload.Contents.integers(integers.map(Int64.init))
        try add(name, TensorPayload(type: .int64, shape: shape, contents: contents))
    }

    /// Adds a BOOL tensor of row-major `booleans`.
    ///
    /// - Throws: ``SafetensorsError`` if the name is taken or reserved, or the count is not the product of `shape`.
    public mutating func add(_ name: String, shape: [Int], booleans: [Bool]) throws(SafetensorsError) {
        try add(name, type: .bool, shape: shape, bytes: booleans.map { $0 ? 1 : 0 })
    }

    /// Adds a tensor of any element type from its little-endian, row-major `bytes`.
    ///
    /// - Throws: ``SafetensorsError`` if the name is taken or reserved, or if `bytes` are not as many as
    ///   `type` and `shape` need.
    public mutating func add(
        _ name: String, type: ElementType, shape: [Int], bytes: [UInt8]
    ) throws(SafetensorsError) {
        try add(name, TensorPayload(type: type, shape: shape, contents: .bytes(bytes)))
    }

    private mutating func add(_ name: String, _ payload: TensorPayload) throws(SafetensorsError) {
        func fail(_ reason: SafetensorsError.Reason) -> SafetensorsError {
            SafetensorsError(path: "new file", tensor: name, reason: reason)
        }
        guard name != Header.metadataName else { throw fail(.reservedName) }
        guard tensors[name] == nil else { throw fail(.duplicateName(name)) }
        guard let expected = payload.type.byteCount(shape: payload.shape) else {
            throw fail(.shapeOverflow(payload.shape))
        }
        guard payload.byteCount == expected else {
            throw fail(
                .sizeMismatch(
                    shape: payload.shape, type: payload.type, expected: expected, actual: payload.byteCount))
        }
        tensors[name] = payload
    }

    /// Writes the file at `path` atomically: it appears there complete, or an earlier file stays as it was.
    ///
    /// The header names the tensors in sorted order. Their bytes are laid out by falling element size,
    /// then by name, and begin at a multiple of 8, so that every tensor is aligned to its element type.
    ///
    /// - Throws: ``SafetensorsError`` if the operating system refuses; nothing is left behind then.
    /// - Complexity: O(bytes), without a copy of the tensors.
    public func write(path: String) throws(SafetensorsError) {
        let ordered = tensors.sorted {
            (-$0.value.type.bitWidth, $0.key) < (-$1.value.type.bitWidth, $1.key)
        }
        let file = try AtomicFile(path: path)
        let header = HeaderEncoder.json(ordered.map { ($0.key, $0.value) }, metadata: metadata)
        let length = withUnsafeBytes(of: UInt64(header.count).littleEndian) { [UInt8]($0) }
        try TensorPayload.Contents.bytes(length + header).write(to: file)
        for (_, payload) in ordered { try payload.contents.write(to: file) }
        try file.commit()
    }
}
