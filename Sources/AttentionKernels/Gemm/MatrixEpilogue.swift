import CKernels

/// A function of each element of a product.
public enum Activation: String, Sendable, Hashable, CaseIterable, Codable {
    /// The element itself.
    case none
    /// `max(y, 0)`.
    case relu
    /// `y * (1 + erf(y / sqrt(2))) / 2`, the Gaussian error linear unit (Hendrycks and Gimpel 2016).
    case gelu
    /// `y * (1 + tanh(sqrt(2 / pi) * (y + 0.044715 y³))) / 2`, its approximation, which many trained models use.
    case geluTanh
    /// `y / (1 + exp(-y))`, also called swish (Elfwing, Uchibe and Doya 2018).
    case silu

    var cValue: ck_activation {
        switch self {
        case .none: .CK_ACTIVATION_NONE
        case .relu: .CK_ACTIVATION_RELU
        case .gelu: .CK_ACTIVATION_GELU
        case .geluTanh: .CK_ACTIVATION_GELU_TANH
        case .silu: .CK_ACTIVATION_SILU
        }
    }
}

/// What becomes of a product of tensors on its way to its output, in registers, before it is stored once:
///
/// ```
/// y = alpha * rowScale[i] * columnScale[j] * (A B)[i][j] + beta * C[i][j]
/// C[i][j] = activation(y + bias[j]) + residual[i][j]
/// ```
///
/// Every part is optional, and any combination is legal, but none with an output of `Int32`. The vectors serve every
/// matrix of a batch; with `Int8` factors the scales are those of their rows and columns.
public struct MatmulEpilogue: Sendable {
    /// A factor of each row, `[m]`.
    public var rowScale: Tensor?
    /// A factor of each column, `[n]`.
    public var columnScale: Tensor?
    /// A number added to each column, `[n]`.
    public var bias: Tensor?
    /// What is applied to the sum.
    public var activation: Activation
    /// What is added after the activation, `[m, n]` for every matrix of the batch or `[batch, m, n]`, of any
    /// ``TensorElement``.
    public var residual: (any StridedTensor)?

    /// An epilogue; by default it does nothing.
    public init(
        rowScale: Tensor? = nil, columnScale: Tensor? = nil, bias: Tensor? = nil, activation: Activation = .none,
        residual: (any StridedTensor)? = nil
    ) {
        self.rowScale = rowScale
        self.columnScale = columnScale
        self.bias = bias
        self.activation = activation
        self.residual = residual
    }
}

/// The same as ``MatmulEpilogue`` over borrowed memory.
public struct EpilogueInput: ~Escapable {
    let rowScale: ck_vector
    let columnScale: ck_vector
    let bias: ck_vector
    let activation: Activation
    let residual: MatrixPlace?

    /// An epilogue.
    ///
    /// - Parameters:
    ///   - rowScale: a factor of each row, `m` of them.
    ///   - columnScale: a factor of each column, `n` of them.
    ///   - bias: a number added to each column, `n` of them.
    ///   - activation: what is applied to the sum.
    ///   - residual: `[batch, m, n]`, added after the activation; it may not overlap the output, whose own old elements
    ///     `beta` adds.
    @_lifetime(copy rowScale, copy columnScale, copy bias, copy residual)
    public init(
        rowScale: Span<Float>? = nil, columnScale: Span<Float>? = nil, bias: Span<Float>? = nil,
        activation: Activation = .none, residual: MatrixInput? = nil
    ) {
        self.rowScale = ck_vector(rowScale)
        self.columnScale = ck_vector(columnScale)
        self.bias = ck_vector(bias)
        self.activation = activation
        if let residual { self.residual = residual.place } else { self.residual = nil }
    }

    /// Parts whose owners the caller keeps alive.
    @_lifetime(immortal)
    init(
        unsafe rowScale: ck_vector, columnScale: ck_vector, bias: ck_vector, activation: Activation,
        residual: MatrixPlace?
    ) {
        self.rowScale = rowScale
        self.columnScale = columnScale
        self.bias = bias
        self.activation = activation
        self.residual = residual
    }
}

extension ck_vector {
    /// The elements of a span that outlives the vector. An empty one is given too, not absent.
    init(_ elements: Span<Float>?) {
        guard let elements else {
            self.init()
            return
        }
        self.init(
            data: elements.withUnsafeBufferPointer { $0.baseAddress ?? emptyVector }, count: Int64(elements.count))
    }
}

/// An address that is not null, for vectors without elements; nobody reads from it.
private var emptyVector: UnsafePointer<Float>? { UnsafePointer(bitPattern: MemoryLayout<Float>.alignment) }
