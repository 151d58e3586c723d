import AttentionKernels
import Safetensors

extension AttentionWorkload {
    /// Rounds K and V to the type that was asked for. Those of 8 bits come from a cache, whose columns may have scales in
    /// the file.
    ///
    /// - Throws: ``HarnessError`` if there are scales that nothing needs or that do not fit, ``KernelError`` if there is not
    ///   enough memory.
    mutating func roundKeysAndValues(to type: SweepDType.KeyValueType?, _ file: SafetensorsFile) throws {
        guard type == .bytes else {
            for name in ["k_scales", "v_scales"] where file.contains(name) {
                throw HarnessError(
                    "\(file.path): tensor \"\(name)\" is for K and V of 8 bits; --kv-dtype should then be i8")
            }
            if case .numbers(let type) = type {
                key = try type.tensor(shape: key.shape, floats: key.floats)
                value = try type.tensor(shape: value.shape, floats: value.floats)
            }
            return
        }
        if scores.normalizesQueryAndKey {
            throw HarnessError("--kv-dtype: with --qk-norm it should be f32, bf16 or f16; integers have no norm of 1")
        }
        let cache = ByteCache(
            key: key, value: value,
            keyScales: try file.columnScales("k_scales", [shape.kvHeads, shape.headDim]),
            valueScales: try file.columnScales("v_scales", [Self.rank4(value.shape)[1], shape.valueDim]))
        key = try ByteCache.held(key, columnScales: cache.keyScales)
        value = try ByteCache.held(value, columnScales: cache.valueScales)
        byteCache = cache
    }

    /// Throws if `what` is wanted of a cache, which returns `o` alone.
    func requireNoCache(for what: String) throws(HarnessError) {
        guard byteCache != nil else { return }
        throw HarnessError("--kv-dtype: i8 is a cache, which gives o alone; for \(what) it should be f32, bf16 or f16")
    }
}

extension SafetensorsFile {
    fileprivate func columnScales(_ name: String, _ shape: [Int]) throws -> Tensor? {
        guard contains(name) else { return nil }
        let scales = try floatTensor(name)
        guard scales.shape == shape else {
            throw HarnessError(
                "\(path): tensor \"\(name)\" has the shape \(scales.shape); it should be \(shape), the heads and columns of "
                    + "\"\(name.prefix(1))\"")
        }
        return scales
    }
}
