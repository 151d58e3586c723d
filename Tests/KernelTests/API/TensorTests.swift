import AttentionKernels
import TestSupport
import Testing

/// Tensors own their memory and have value semantics; views share it.
@Suite struct TensorTests {
    @Test func startsAsZerosAligned() throws {
        for count in [0, 1, 3, 1000] {
            let tensor = try Tensor(shape: [count])
            #expect(tensor.elements == [Float](repeating: 0, count: count))
            let address = tensor.span.withUnsafeBufferPointer { Int(bitPattern: $0.baseAddress) }
            #expect(address % 64 == 0 && address != 0)
        }
    }

    @Test func isFilledInRowMajorOrder() throws {
        let tensor = try Tensor(shape: [2, 3, 4]) { Float($0) }
        #expect(tensor.rank == 3 && tensor.count == 24)
        #expect(tensor.strides == [12, 4, 1])
        #expect(tensor[1, 2, 3] == 23 && tensor[0, 1, 0] == 4)
        #expect(tensor.span[13] == 13)
        #expect(tensor == (try Tensor(shape: [2, 3, 4], elements: (0..<24).map { Float($0) })))
        #expect(tensor != (try Tensor(shape: [2, 12], elements: tensor.elements)))
        let scalar = try Tensor(shape: [], elements: [7])
        #expect(scalar.count == 1 && scalar.strides.isEmpty && scalar.elements == [7])
    }

    @Test func sharesMemoryUntilWritten() throws {
        let first = try Tensor(shape: [2, 3], elements: [0, 1, 2, 3, 4, 5])
        var second = first
        second[1, 2] = 50
        var third = first
        var span = third.mutableSpan
        span[0] = 100
        #expect(first.elements == [0, 1, 2, 3, 4, 5])
        #expect(second.elements == [0, 1, 2, 3, 4, 50])
        #expect(third.elements == [100, 1, 2, 3, 4, 5])
        // The one owner writes in place.
        let before = second.span.withUnsafeBufferPointer { $0.baseAddress }
        second[0, 0] = 9
        #expect(second.span.withUnsafeBufferPointer { $0.baseAddress } == before)
    }

    @Test func viewsKeepWhatTheySaw() throws {
        var tensor = try Tensor(shape: [2, 3], elements: [0, 1, 2, 3, 4, 5])
        let turned = try tensor.transposed(0, 1)
        tensor[0, 1] = 10
        #expect(turned.shape == [3, 2] && turned.strides == [1, 3])
        #expect(try turned.contiguous().elements == [0, 3, 1, 4, 2, 5])
        #expect(try tensor.transposed(1, 0).contiguous().elements == [0, 3, 10, 4, 2, 5])
    }

    @Test func viewsCompose() throws {
        let tensor = try Tensor(shape: [2, 3, 4]) { Float($0) }
        let part = try tensor.slice(1, 1..<3).transposed(0, 2)
        #expect(part.shape == [4, 2, 2])
        #expect(try part.contiguous().elements == [4, 16, 8, 20, 5, 17, 9, 21, 6, 18, 10, 22, 7, 19, 11, 23])
        #expect(part.count == 16 && part.rank == 3 && part.offset == 4)
        let empty = try tensor.slice(2, 4..<4)
        #expect(empty.count == 0)
        #expect(try empty.contiguous().shape == [2, 3, 0])
        let diagonal = try tensor.strided(shape: [2, 3], strides: [12, 5])
        #expect(try diagonal.contiguous().elements == [0, 5, 10, 12, 17, 22])
        let repeated = try tensor.strided(shape: [2, 2], strides: [0, 1], offset: 3)
        #expect(try repeated.contiguous().elements == [3, 4, 3, 4])
    }

    @Test(arguments: AttentionKernel.allCases)
    func lowerRanksLackLeadingDimensions(kernel: AttentionKernel) throws {
        var random = SeededRandom(seed: 61)
        let (query, key) = (random.normals(2 * 5 * 8), random.normals(2 * 7 * 8))
        let expected = try kernel.attend(
            query: Tensor(shape: [1, 2, 5, 8], elements: query), key: Tensor(shape: [1, 2, 7, 8], elements: key),
            value: Tensor(shape: [1, 2, 7, 8], elements: key), returning: [.lse, .weights])
        let result = try kernel.attend(
            query: Tensor(shape: [2, 5, 8], elements: query), key: Tensor(shape: [2, 7, 8], elements: key),
            value: Tensor(shape: [2, 7, 8], elements: key), returning: [.lse, .weights])
        #expect(result.output.shape == [2, 5, 8] && bits(result.output) == bits(expected.output))
        #expect(result.lse?.shape == [2, 5] && result.lse.map(bits) == expected.lse.map(bits))
        #expect(result.weights?.shape == [2, 5, 7] && result.weights.map(bits) == expected.weights.map(bits))
        let head = try kernel.attend(
            query: Tensor(shape: [5, 8], elements: Array(query[40...])),
            key: Tensor(shape: [7, 8], elements: Array(key[56...])),
            value: Tensor(shape: [7, 8], elements: Array(key[56...])), returning: [.lse, .weights])
        #expect(head.output.shape == [5, 8] && head.lse?.shape == [5] && head.weights?.shape == [5, 7])
        #expect(bits(head.output) == Array(bits(expected.output)[40...]))
    }

    @Test(arguments: AttentionKernel.allCases)
    func transposedViewsAttendInPlace(kernel: AttentionKernel) throws {
        var random = SeededRandom(seed: 62)
        let stored = try random.normalTensor([2, 9, 4, 16])
        let view = try stored.transposed(1, 2)
        let copied = try view.contiguous()
        let result = try kernel.forward(query: view, key: view, value: view, causality: .topLeft)
        let expected = try kernel.forward(query: copied, key: copied, value: copied, causality: .topLeft)
        #expect(bits(result) == bits(expected))
    }
}
