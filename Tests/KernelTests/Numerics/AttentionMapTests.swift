import CKernels
import Foundation
import TestSupport
import Testing

/// Maps of the weights against the oracle's weights, for every kind of mask and score rule, on every ISA.
@Suite struct AttentionMapTests {
    typealias Shape = AttentionCase.Shape

    static let shapes: [Shape] = [
        Shape(batch: 2, heads: 4, kvHeads: 2, queries: 70, keys: 300, headDim: 64, valueDim: 8),
        Shape(heads: 3, kvHeads: 1, queries: 130, keys: 77, headDim: 20, valueDim: 3),
        Shape(heads: 2, kvHeads: 2, queries: 1, keys: 1, headDim: 1, valueDim: 1),
    ]

    /// The C request for every map, with outputs of its own between guards of NaN.
    final class Maps {
        let shape: Shape
        var maps = ck_attention_maps()
        private var memory: [UnsafeMutableRawPointer] = []

        init(_ shape: Shape, queries: Range<Int>, keys: Range<Int>, top: Int, pool: (Int, Int), headMean: Bool = false)
        {
            self.shape = shape
            let heads = headMean ? 1 : shape.heads
            (maps.first_query, maps.queries) = (Int64(queries.lowerBound), Int64(queries.count))
            (maps.first_key, maps.keys) = (Int64(keys.lowerBound), Int64(keys.count))
            (maps.pool_queries, maps.pool_keys) = (Int64(pool.0), Int64(pool.1))
            (maps.top_count, maps.head_mean) = (Int64(top), headMean)
            maps.weights = output(heads, queries.count, keys.count)
            maps.column_mass = output(heads, keys.count, 1)
            maps.entropy = output(shape.heads, queries.count, 1)
            maps.top_weights = output(shape.heads, queries.count, top)
            maps.top_keys = output(shape.heads, queries.count, top, .CK_I32)
            maps.pooled = output(
                heads, (queries.count + pool.0 - 1) / pool.0, (keys.count + pool.1 - 1) / pool.1)
        }

        deinit { for block in memory { block.deallocate() } }

        /// Rows three elements apart from each other.
        private func output(_ heads: Int, _ rows: Int, _ columns: Int, _ dtype: ck_dtype = .CK_F32) -> ck_operand {
            let stride = columns + 3
            let count = shape.batch * heads * rows * stride
            let floats = UnsafeMutablePointer<Float>.allocate(capacity: count)
            floats.initialize(repeating: .nan, count: count)
            memory.append(UnsafeMutableRawPointer(floats))
            return ck_operand(
                data: floats, count: Int64(count), offset: 0, batch_stride: Int64(heads * rows * stride),
                head_stride: Int64(rows * stride), row_stride: Int64(stride), dtype: dtype)
        }

        func run(_ attention: AttentionCase, isa: ck_isa, threads: Int) throws {
            var options = ck_options_default()
            (options.isa, options.threads) = (isa, Int32(threads))
            var diagnosis = ck_diagnosis()
            let status = ck_attention_map(&attention.problem, &maps, &options, &diagnosis)
            try #require(status == .CK_OK, "\(String(cString: ck_status_text(status))) \(diagnosis)")
        }

        /// The rows of one output, [batch][head][row][column], and whether the gaps between them are untouched.
        func rows(_ x: ck_operand, _ heads: Int, _ columns: Int) -> (values: [Float], isIntact: Bool) {
            let rows = Int(x.head_stride / x.row_stride)
            var (values, isIntact): ([Float], Bool) = ([], true)
            for b in 0..<shape.batch {
                for h in 0..<heads {
                    for i in 0..<rows {
                        let row = AttentionCase.row(x, b, h, i)
                        values += UnsafeBufferPointer(start: row, count: columns)
                        isIntact = isIntact && (columns..<columns + 3).allSatisfy { row[$0].isNaN }
                    }
                }
            }
            return (values, isIntact)
        }

        /// Everything, and whether nothing else was written.
        func all() -> (weights: [Float], mass: [Float], entropy: [Float], top: [Float], keys: [Int32], pooled: [Float])
        {
            let heads = maps.head_mean ? 1 : shape.heads
            let pooledColumns = Int((maps.keys + maps.pool_keys - 1) / maps.pool_keys)
            let top = Int(maps.top_count)
            let results = [
                rows(maps.weights, heads, Int(maps.keys)), rows(maps.column_mass, heads, 1),
                rows(maps.entropy, shape.heads, 1), rows(maps.top_weights, shape.heads, top),
                rows(maps.top_keys, shape.heads, top), rows(maps.pooled, heads, pooledColumns),
            ]
            #expect(results.allSatisfy { $0.isIntact }, "a map was written outside its rows")
            let values = results.map(\.values)
            return (
                values[0], values[1], values[2], values[3], values[4].map { Int32(bitPattern: $0.bitPattern) },
                values[5]
            )
        }

        var bits: [UInt32] {
            let x = all()
            return (x.weights + x.mass + x.entropy + x.top + x.pooled).map(\.bitPattern)
                + x.keys.map { UInt32(bitPattern: $0) }
        }
    }

    /// The oracle's weights of every row, [batch][head][query][key].
    static func oracleWeights(_ attention: AttentionCase) throws -> [[Double]] {
        var rows: [[Double]] = []
        var weights = [Double](repeating: 0, count: attention.shape.keys + 1)
        try attention.forEachRow { b, h, i in
            let status = ck_oracle_attention_row(
                &attention.problem, Int64(b), Int64(h), Int64(i), nil, nil, &weights, nil)
            try #require(status == .CK_OK)
            rows.append(Array(weights.dropLast()))
        }
        return rows
    }

    @Test(arguments: shapes, AttentionOracleTests.maskings)
    func agreeWithTheOracle(shape: Shape, masking: AttentionCase.Masking) throws {
        let attention = AttentionCase(shape, masking: masking, layout: .padded, seed: 5)
        let oracle = try Self.oracleWeights(attention)
        let queries = shape.queries / 7..<shape.queries
        let keys = shape.keys / 5..<max(shape.keys - 2, 1)
        var first: [UInt32]?
        for isa in Isas.all {
            _ = try attention.run(.CK_FUSED, isa: isa)
            for threads in isa == Isas.all[0] ? [1, 3] : [2] {
                let maps = Maps(shape, queries: queries, keys: keys, top: 5, pool: (32, 24))
                try maps.run(attention, isa: isa, threads: threads)
                check(maps, oracle)
                // The lse of `portable` has bits of its own.
                if isa == .CK_ISA_PORTABLE { continue }
                let expected = first ?? maps.bits
                first = expected
                #expect(firstDifference(maps.bits, expected) == nil, "\(isa.name) \(threads) threads")
            }
        }
    }

    /// Whether a weight, or a sum of weights, is what it should be: the error of scores and lse in f32 is one of the
    /// exponent, and weights below the smallest float may be 0.
    private func isClose(_ found: Float, _ weight: Double) -> Bool {
        let exponent = weight > 0 ? abs(log(weight)) : 0
        return abs(Double(found) - weight) <= (1.2e-5 + 2e-7 * exponent) * weight + 2e-38
    }

    private func check(_ x: Maps, _ oracle: [[Double]]) {
        let (shape, maps) = (x.shape, x.maps)
        let (q0, nq, k0, nk) = (Int(maps.first_query), Int(maps.queries), Int(maps.first_key), Int(maps.keys))
        let found = x.all()
        let (cellRows, cellColumns) = ((nq + 31) / 32, (nk + 23) / 24)
        for head in 0..<shape.batch * shape.heads {
            var mass = [Double](repeating: 0, count: nk)
            var cells = [Double](repeating: 0, count: cellRows * cellColumns)
            for i in 0..<nq {
                let row = oracle[head * shape.queries + q0 + i][k0..<k0 + nk]
                let place = head * nq + i
                let weights = found.weights[place * nk..<(place + 1) * nk]
                #expect(zip(weights, row).allSatisfy { isClose($0, $1) })
                let entropy = row.reduce(0) { $1 > 0 ? $0 - $1 * log($1) : $0 }
                #expect(abs(Double(found.entropy[place]) - entropy) <= 1e-5)
                checkTop(found.top[place * 5..<(place + 1) * 5], found.keys[place * 5..<(place + 1) * 5], weights, k0)
                for (j, weight) in row.enumerated() {
                    mass[j] += weight
                    cells[i / 32 * cellColumns + j / 24] += weight
                }
            }
            let masses = found.mass[head * nk..<(head + 1) * nk]
            #expect(zip(masses, mass).allSatisfy { isClose($0, $1) })
            for cell in cells.indices {
                let (row, column) = (cell / cellColumns, cell % cellColumns)
                let size = min(32, nq - row * 32) * min(24, nk - column * 24)
                #expect(isClose(found.pooled[head * cells.count + cell], cells[cell] / Double(size)))
            }
        }
    }

    /// The largest of the weights as they are, ties by the lower key; those that are 0 may be hidden keys.
    private func checkTop(_ top: ArraySlice<Float>, _ keys: ArraySlice<Int32>, _ row: ArraySlice<Float>, _ first: Int) {
        let weights = Array(row)
        let order = weights.indices.sorted { (weights[$0], $1) > (weights[$1], $0) }
        for (n, (weight, key)) in zip(top, keys).enumerated() {
            if key < 0 {
                #expect(weight == 0 && (n >= order.count || weights[order[n]] == 0))
            } else {
                #expect(weight == weights[order[n]] && Int(key) - first == order[n])
            }
        }
    }

    /// A weight does not depend on the rectangle, and a mean over heads is the mean of the heads.
    @Test(
        arguments: [[], [.bottomRight, .window, .alibi, .sinks], [.keep, .bias, .softcap]] as [AttentionCase.Masking])
    func rectanglesAndHeadMeans(masking: AttentionCase.Masking) throws {
        let shape = Shape(batch: 2, heads: 4, kvHeads: 2, queries: 150, keys: 700, headDim: 48, valueDim: 8)
        let attention = AttentionCase(shape, masking: masking)
        _ = try attention.run(.CK_FUSED)
        let whole = Maps(shape, queries: 0..<150, keys: 0..<700, top: 700, pool: (7, 300))
        try whole.run(attention, isa: .CK_ISA_AUTO, threads: 2)
        let all = whole.all()
        let part = Maps(shape, queries: 33..<120, keys: 301..<613, top: 1, pool: (100, 1))
        try part.run(attention, isa: .CK_ISA_AUTO, threads: 2)
        let weights = part.all().weights
        for row in 0..<8 * 87 {
            let from = (row / 87 * 150 + 33 + row % 87) * 700 + 301
            #expect(
                firstDifference(
                    weights[row * 312..<(row + 1) * 312].map(\.bitPattern),
                    all.weights[from..<from + 312].map(\.bitPattern)) == nil)
        }
        var first: [UInt32]?
        for threads in [1, 2, 5] {
            let mean = Maps(shape, queries: 0..<150, keys: 0..<700, top: 2, pool: (64, 64), headMean: true)
            try mean.run(attention, isa: .CK_ISA_AUTO, threads: threads)
            let expected = first ?? mean.bits
            first = expected
            #expect(firstDifference(mean.bits, expected) == nil)
            let found = mean.all()
            #expect(found.mass.count { $0 != 0 } > 500)
            for b in 0..<2 {
                for at in stride(from: 0, to: 150 * 700, by: 997) {
                    let sum = (0..<4).reduce(0.0) { $0 + Double(all.weights[(b * 4 + $1) * 150 * 700 + at]) }
                    #expect(abs(Double(found.weights[b * 150 * 700 + at]) - sum / 4) <= 3e-7 * sum + 1e-38)
                }
                for key in 0..<700 {
                    let sum = (0..<4).reduce(0.0) { $0 + Double(all.mass[(b * 4 + $1) * 700 + key]) }
                    #expect(abs(Double(found.mass[b * 700 + key]) - sum / 4) <= 3e-7 * sum + 1e-38)
                }
            }
        }
    }

    /// What a hidden key holds, and what is beyond the sequences, reaches no map.
    @Test func hiddenKeysDoNotLeak() throws {
        let shape = Shape(batch: 2, heads: 2, kvHeads: 1, queries: 40, keys: 90, headDim: 16, valueDim: 4)
        let attention = AttentionCase(shape, masking: [.bottomRight, .keyLengths])
        _ = try attention.run(.CK_FUSED)
        let clean = Maps(shape, queries: 0..<40, keys: 0..<90, top: 3, pool: (8, 8))
        try clean.run(attention, isa: .CK_ISA_AUTO, threads: 1)
        for b in 0..<2 {
            for j in Int(attention.problem.kv_lengths![b])..<90 { attention.row(\.k, b, 0, j)[3] = .nan }
        }
        let poisoned = Maps(shape, queries: 0..<40, keys: 0..<90, top: 3, pool: (8, 8))
        try poisoned.run(attention, isa: .CK_ISA_AUTO, threads: 1)
        #expect(firstDifference(poisoned.bits, clean.bits) == nil)
        // A NaN that is seen is seen in every map.
        attention.row(\.k, 0, 0, 0)[3] = .nan
        try poisoned.run(attention, isa: .CK_ISA_AUTO, threads: 1)
        let seen = poisoned.all()
        #expect(
            seen.weights[39 * 90].isNaN && seen.mass[0].isNaN && seen.entropy[39].isNaN && seen.pooled[4 * 12].isNaN)
        #expect(seen.top[39 * 3].isNaN && seen.keys[39 * 3] == 0)
    }
}
