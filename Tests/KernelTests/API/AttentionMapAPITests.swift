import AttentionKernels
import TestSupport
import Testing

/// Maps of attention on tensors: shapes, values by their definitions, and errors.
@Suite struct AttentionMapAPITests {
    private static func tensor(_ seed: UInt64, _ shape: [Int]) throws -> Tensor {
        var random = SeededRandom(seed: seed)
        return try Tensor(shape: shape, elements: random.normals(shape.reduce(1, *)))
    }

    @Test(arguments: [[2, 6], [6], []]) func mapsFollowTheWeights(leading: [Int]) throws {
        let query = try Self.tensor(1, leading + [30, 16])
        let key = try Self.tensor(2, leading + [50, 16])
        let options = AttentionOptions(causality: .bottomRight)
        let result = try AttentionKernel.fused.attend(
            query: query, key: key, value: key, options: options, returning: [.lse, .weights])
        let lse = try #require(result.lse)
        let expected = try #require(result.weights).elements
        let request = AttentionMapRequest(
            weights: true, columnMass: true, entropy: true, topCount: 3, cell: .init(queries: 8, keys: 20))
        let maps = try AttentionMaps(request, query: query, key: key, lse: lse, options: options)
        let weights = try #require(maps.weights)
        #expect(weights.shape == leading + [30, 50])
        #expect(isMostlyNonzero(weights.elements))
        #expect(Comparison(weights.elements, oracle: expected.map(Double.init), bound: 1e-6).passes)
        #expect(maps.columnMass?.shape == leading + [50])
        #expect(maps.entropy?.shape == leading + [30])
        #expect(maps.topWeights?.shape == leading + [30, 3])
        #expect(maps.heatMap?.shape == leading + [4, 3])
        let keys = try #require(maps.topKeys)
        let top = try #require(maps.topWeights).elements
        for row in 0..<keys.count / 3 {
            #expect(top[row * 3] == weights.elements[row * 50..<(row + 1) * 50].max())
            #expect(weights.elements[row * 50 + Int(keys[row * 3])] == top[row * 3])
        }
    }

    @Test func partsAndMeans() throws {
        let (query, key) = (try Self.tensor(1, [4, 30, 16]), try Self.tensor(2, [2, 50, 16]))
        let lse = try #require(
            try AttentionKernel.fused.attend(query: query, key: key, value: key, returning: .lse).lse)
        let request = AttentionMapRequest(
            queries: 5..<9, keys: 40..<50, weights: true, columnMass: true, entropy: true, averagesHeads: true)
        let maps = try AttentionMaps(request, query: query, key: key, lse: lse)
        #expect(maps.weights?.shape == [1, 4, 10])
        #expect(maps.columnMass?.shape == [1, 10])
        #expect(maps.entropy?.shape == [4, 4])
        #expect(maps.topKeys == nil && maps.topWeights == nil && maps.heatMap == nil)
        let nothing = try AttentionMaps(
            AttentionMapRequest(queries: 3..<3, weights: true, columnMass: true), query: query, key: key, lse: lse)
        #expect(nothing.weights?.shape == [4, 0, 50])
        #expect(try #require(nothing.columnMass).elements == [Float](repeating: 0, count: 200))
    }

    @Test func wrongArgumentsAreNamed() throws {
        let (query, key) = (try Self.tensor(1, [4, 30, 16]), try Self.tensor(2, [2, 50, 16]))
        let lse = try Self.tensor(3, [4, 30])
        func maps(_ request: AttentionMapRequest, lse other: Tensor? = nil) throws {
            _ = try AttentionMaps(request, query: query, key: key, lse: other ?? lse)
        }
        expectError(.invalidValue, .mapQueries, "25..<31", "0 ..< 30") {
            try maps(AttentionMapRequest(queries: 25..<31, weights: true))
        }
        expectError(.invalidValue, .mapQueries, "-1..<4") { try maps(AttentionMapRequest(queries: -1..<4)) }
        expectError(.invalidValue, .mapKeys, "51..<51", "0 ..< 50") { try maps(AttentionMapRequest(keys: 51..<51)) }
        expectError(.invalidValue, .mapKeys) { try maps(AttentionMapRequest(keys: Int.min..<Int.max, weights: true)) }
        expectError(.invalidValue, .topCount, "0", "1 or more") { try maps(AttentionMapRequest(topCount: 0)) }
        expectError(.invalidValue, .topCount, "-2") { try maps(AttentionMapRequest(topCount: -2)) }
        expectError(.invalidValue, .cell, "0 queries by 4 keys") {
            try maps(AttentionMapRequest(cell: .init(queries: 0, keys: 4)))
        }
        let short = try Self.tensor(3, [4, 29])
        expectError(.shapeMismatch, .lse, "[1, 4, 29, 1]", "[1, 4, 30, 1]") {
            try maps(AttentionMapRequest(entropy: true), lse: short)
        }
        let wide = try Self.tensor(3, [2, 50, 15])
        expectError(.shapeMismatch, .key, "headDim") {
            _ = try AttentionMaps(AttentionMapRequest(), query: query, key: wide, lse: lse)
        }
    }
}
