import CKernels

/// The right factor of many products, packed once into the order in which the kernels read it.
///
/// A product with a packed factor gives the same bits as one with the factor itself and is spared the copy, which counts
/// most where `a` has few rows: the weights of a linear layer. Values share the packed memory; nothing writes to it.
///
/// ```swift
/// let weight = try PackedMatrix(w, transposed: true)
/// let y = try matmul(x, packed: weight, epilogue: MatmulEpilogue(bias: b, activation: .gelu))
/// ```
///
/// The order differs between instruction sets, and where ``BFloat16`` has instructions of its own between elements of the
/// left factor: a packed matrix serves calls on what it was packed for. Elements of 16 bits and quantised blocks keep their
/// size.
public struct PackedMatrix: PackedFactor {
    /// The number of rows as read: `k` of the products.
    public let rows: Int
    /// The number of columns as read: `n` of the products.
    public let columns: Int
    /// What its elements are.
    public let format: MatrixFormat
    /// What it was packed for.
    public let instructionSet: InstructionSet
    private let storage: AlignedStorage<UInt8>

    /// Packs one matrix in borrowed memory, `[1, k, n]` as read.
    ///
    /// - Parameters:
    ///   - matrix: elements or quantised weights.
    ///   - left: the elements of the factors it will be multiplied with; nil for its own, or `Float` for quantised weights.
    ///   - execution: threads and instruction set.
    /// - Throws: ``KernelError`` if the layout does not fit its span, its batch is not 1, there is no product of these
    ///   types or memory runs out.
    /// - Complexity: O(*k · n*), on the threads of `execution`.
    public init(
        _ matrix: MatrixInput, for left: (any TensorScalar.Type)? = nil, execution: Execution = .shared
    ) throws(KernelError) {
        try self.init(matrix.place, for: left, execution)
    }

    private init(
        _ place: MatrixPlace, for left: (any TensorScalar.Type)?, _ execution: Execution
    ) throws(KernelError) {
        guard place.layout.batch == 1 else {
            throw KernelError(
                .shapeMismatch, .b,
                "its batch is \(place.layout.batch) in \(place.shapeText); one matrix is packed at a time")
        }
        var problem = ck_gemm_problem()
        problem.k = Int64(place.rows)
        problem.n = Int64(place.columns)
        problem.b = place.cValue
        problem.a.dtype = (left?.format ?? (place.isQuantized ? .float32 : place.format)).cValue
        // The type of a product that can be: of the output nothing else is looked at.
        problem.c.dtype = .CK_F32
        let describe = { (argument: KernelError.Argument) in argument == .b ? place.fullText : argument.rawValue }
        var byteCount = 0
        try execution.ask(
            { options, diagnosis in
                withUnsafePointer(to: options) { ck_gemm_packed_bytes(&problem, $0, &byteCount, &diagnosis) }
            }, describe: describe)
        let storage = try Self.allocate(byteCount)
        try execution.ask(
            { options, diagnosis in
                withUnsafePointer(to: options) { ck_gemm_pack(&problem, $0, storage.start, byteCount, &diagnosis) }
            }, describe: describe)
        try self.init(inspecting: storage)
    }

    /// Packs a tensor or view of rank 2.
    ///
    /// - Parameters:
    ///   - tensor: `[k, n]`, or `[n, k]` with `transposed`.
    ///   - transposed: whether to read it transposed.
    ///   - left: the elements of the factors it will be multiplied with; nil for its own.
    ///   - execution: threads and instruction set.
    /// - Throws: ``KernelError`` if the rank is not 2, there is no product of these types or memory runs out.
    public init(
        _ tensor: some StridedArray, transposed: Bool = false, for left: (any TensorScalar.Type)? = nil,
        execution: Execution = .shared
    ) throws(KernelError) {
        let operand = try MatrixTensorOperand(.b, tensor, transposed: transposed)
        try self.init(operand.place, for: left, execution)
        withExtendedLifetime(operand) {}
    }

    /// Packs quantised weights; they keep their size and serve left factors of every ``TensorElement``.
    ///
    /// - Parameters:
    ///   - weights: `[k, n]`.
    ///   - execution: threads and instruction set.
    /// - Throws: ``KernelError`` if memory runs out.
    public init(_ weights: QuantizedMatrix, execution: Execution = .shared) throws(KernelError) {
        try self.init(weights.memory.place, for: nil, execution)
        withExtendedLifetime(weights) {}
    }

    /// A packed matrix from the ``bytes`` of one, as saved by another process; they are copied and checked.
    ///
    /// - Parameters:
    ///   - bytes: all of them.
    ///   - execution: the execution of the calls it is for.
    /// - Throws: ``KernelError`` with reason `packedMismatch` if they are not the bytes of a packed matrix, or it was
    ///   packed for another instruction set.
    public init(bytes: RawSpan, execution: Execution = .shared) throws(KernelError) {
        let storage = try Self.allocate(bytes.byteCount)
        bytes.withUnsafeBytes { source in
            UnsafeMutableRawBufferPointer(start: storage.start, count: storage.count).copyMemory(from: source)
        }
        try self.init(inspecting: storage)
        let resolved = try InstructionSet.resolved(execution.instructionSet)
        guard resolved == instructionSet else {
            throw KernelError(.packedMismatch, .b, Self.wrongInstructionSet(instructionSet, resolved))
        }
    }

    private init(inspecting storage: AlignedStorage<UInt8>) throws(KernelError) {
        var info = ck_packed_info()
        var diagnosis = ck_diagnosis()
        let status = ck_gemm_packed_inspect(storage.start, storage.count, &info, &diagnosis)
        guard status == .CK_OK, let instructionSet = InstructionSet(info.isa) else {
            throw KernelError(status, diagnosis) { _ in "the \(storage.count) bytes given" }
        }
        format = MatrixFormat(info.dtype)
        rows = Int(info.k)
        columns = Int(info.n)
        self.instructionSet = instructionSet
        self.storage = storage
    }

    public var byteCount: Int { storage.count }

    public var memory: PackedFactorMemory {
        let bytes = UnsafeMutableRawBufferPointer(start: storage.start, count: storage.count)
        let layout = MatrixLayout(rows: rows, columns: columns, batchStride: 0)
        let place = MatrixPlace(packed: bytes, format, for: instructionSet, layout)
        return PackedFactorMemory(place: place, owner: storage)
    }

    /// The packed matrix as bytes, aligned to 64, to be saved.
    public var bytes: RawSpan {
        @_lifetime(borrow self)
        get {
            let bytes = RawSpan(_unsafeStart: UnsafeRawPointer(storage.start), byteCount: storage.count)
            return _overrideLifetime(bytes, borrowing: self)
        }
    }

    private static func allocate(_ byteCount: Int) throws(KernelError) -> AlignedStorage<UInt8> {
        guard let storage = AlignedStorage<UInt8>(uninitializedCount: byteCount) else {
            throw KernelError(.outOfMemory, .b, "there is not enough memory for \(byteCount) bytes")
        }
        return storage
    }

    static func wrongInstructionSet(_ packed: InstructionSet, _ called: InstructionSet) -> String {
        "it was packed for \(packed.name); it should be packed for \(called.name), on which this call runs"
    }
}
