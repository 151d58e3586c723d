import ArgumentParser

/// Real models on the kernels: embeddings, sequences, chat, attention pictures, logits.
@main
struct TransformerTool: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "transformer",
        abstract: "Runs pretrained models on the attention kernels.",
        discussion: """
            A model is a folder with its files: a BERT encoder (config.json, *.safetensors, tokenizer.json or vocab.txt), \
            an encoder-decoder (*.pt, *.pkl) or a Llama decoder (*.gguf). `bash Tests/run --models` fetches one of each \
            into .models/minilm, .models/annalog and .models/smollm2.
            """,
        subcommands: [
            EmbedCommand.self, TranslateCommand.self, GenerateCommand.self, LogitsCommand.self, AttendCommand.self,
        ])
}
