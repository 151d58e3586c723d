/// A value that goes into or comes out of an ONNX operator.
///
/// Floating-point elements are held as `Float` whatever their type: 16-bit types convert exactly, `float64` rounds to
/// nearest. Results are rounded once to the type of the operator's output, so `float64` operators have the precision of
/// `float32`.
public struct ONNXTensor: Sendable {
    /// The size of each dimension; empty for a scalar.
    public let shape: [Int]
    /// The elements in row-major order.
    public let values: Values

    /// The elements by kind.
    public enum Values: Sendable {
        case floats([Float], ONNXFloatType)
        case integers([Int])
        case booleans([Bool])
    }

    /// A tensor.
    ///
    /// - Throws: ``ONNXError`` if the number of elements is not the product of `shape`.
    public init(shape: [Int], values: Values) throws(ONNXError) {
        let count =
            switch values {
            case .floats(let elements, _): elements.count
            case .integers(let elements): elements.count
            case .booleans(let elements): elements.count
            }
        guard shape.allSatisfy({ $0 >= 0 }), shape.reduce(1, *) == count else {
            throw .invalid("there are \(count) elements for shape \(shape)")
        }
        self.shape = shape
        self.values = values
    }

    /// A tensor of numbers, each rounded to `type`.
    init(shape: [Int], _ elements: [Float], roundedTo type: ONNXFloatType) {
        self.shape = shape
        values = .floats(elements.map(type.rounded), type)
    }

    var rank: Int { shape.count }

    /// Elements repeated over leading dimensions they lack and over those where their size is 1.
    static func broadcast<Element>(
        _ elements: [Element], _ from: [Int], to shape: [Int]
    ) throws(ONNXError) -> [Element] {
        if from == shape { return elements }
        let missing = shape.count - from.count
        guard missing >= 0, zip(from, shape.dropFirst(missing)).allSatisfy({ $0 == 1 || $0 == $1 }) else {
            throw .invalid("shape \(from) does not broadcast to \(shape)")
        }
        // The distance between neighbours of the source along each dimension of the result, 0 where it repeats.
        var strides = [Int](repeating: 0, count: shape.count)
        var next = 1
        for dimension in from.indices.reversed() {
            if from[dimension] != 1 { strides[missing + dimension] = next }
            next *= from[dimension]
        }
        return (0..<shape.reduce(1, *)).map { index in
            var (rest, position) = (index, 0)
            for dimension in shape.indices.reversed() {
                position += rest % shape[dimension] * strides[dimension]
                rest /= shape[dimension]
            }
            return elements[position]
        }
    }
}

/// A floating-point type of ONNX.
public enum ONNXFloatType: String, Sendable, Hashable, CaseIterable {
    case float16, bfloat16, float32, float64

    /// The nearest number of this type, ties to even.
    public func rounded(_ x: Float) -> Float {
        switch self {
        case .float32, .float64: return x
        case .bfloat16:
            if x.isNaN { return x }
            let bits = x.bitPattern
            return Float(bitPattern: (bits &+ 0x7FFF &+ (bits >> 16 & 1)) & 0xFFFF_0000)
        case .float16:
            // By arithmetic, because Float16 does not exist on every platform this package supports.
            guard x.isFinite, x != 0 else { return x }
            let quantum = Float(sign: .plus, exponent: max(Int(x.exponent), -14) - 10, significand: 1)
            let nearest = (x / quantum).rounded(.toNearestOrEven) * quantum
            return nearest.magnitude > 65504 ? (x < 0 ? -.infinity : .infinity) : nearest
        }
    }

    /// The distance between neighbours at `x`.
    public func ulp(at x: Float) -> Double {
        switch self {
        case .float32, .float64: Double(x.ulp)
        case .bfloat16: Double(sign: .plus, exponent: max(Int(x.magnitude.exponentOrLowest), -126) - 7, significand: 1)
        case .float16: Double(sign: .plus, exponent: max(Int(x.magnitude.exponentOrLowest), -14) - 10, significand: 1)
        }
    }
}

extension Float {
    fileprivate var exponentOrLowest: Int { isFinite && self != 0 ? Int(exponent) : -1000 }
}
