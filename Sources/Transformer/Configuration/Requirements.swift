// What configurations check: each sentence names the value, what it was and what it should be.

func requirePositive(_ sizes: (name: String, size: Int)...) throws(TransformerError) {
    for (name, size) in sizes where size < 1 || size > Int(Int32.max) {
        throw TransformerError(.invalidConfiguration, name, "it is \(size); it should be in 1 ... \(Int32.max)")
    }
}

func requirePositive(_ name: String, _ value: Float) throws(TransformerError) {
    guard value > 0, value.isFinite else {
        throw TransformerError(.invalidConfiguration, name, "it is \(value); it should be finite and more than 0")
    }
}

func requireMultiple(_ name: String, _ size: Int, of other: String, _ divisor: Int) throws(TransformerError) {
    guard size % divisor == 0 else {
        throw TransformerError(
            .invalidConfiguration, name, "it is \(size); it should be a multiple of \(other), which is \(divisor)")
    }
}
