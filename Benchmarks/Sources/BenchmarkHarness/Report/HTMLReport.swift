import Foundation

/// Writes a machine's results as one page that needs no other file and no network: tables as HTML, pictures inside it.
enum HTMLReport {
    /// The page of `document` with the pictures that lie in `folder`.
    static func page(_ document: SweepDocument, folder: String) -> String {
        let machine = document.machine
        let title = "Attention on \(machine.name), \(machine.cores) cores"
        var body = ["<h1>\(escaped(title))</h1>", facts(document), notes(document)]
        body.append("<h2>Limits of the machine</h2>" + table(peaks(document)))
        if let limits = document.limits {
            body.append("<p>Memory and other limits: \(escaped(PeaksTables.heading(limits))).</p>")
            for (title, limits) in zip(["Arithmetic", "Caches and memory"], PeaksTables.tables(limits)) {
                body.append("<details><summary>\(title)</summary>\(table(limits))</details>")
            }
        }
        let pictures = ResultsFolder.figures(document, in: folder).compactMap { picture($0, folder: folder) }
        if !pictures.isEmpty { body.append("<h2>Pictures</h2>" + pictures.joined()) }
        body.append("<h2>Every case</h2>")
        for (index, section) in SweepTables.sections(document.cases).enumerated() {
            body.append(
                "<section id=\"panel\(index)\"><h3>\(escaped(section.title))</h3>\(table(section.table))</section>")
        }
        if !document.skipped.isEmpty {
            let items = document.skipped.map { "<li>\(escaped("\($0.text): \($0.reason)"))</li>" }.joined()
            body.append("<h2>Skipped</h2><ul>\(items)</ul>")
        }
        return """
            <!DOCTYPE html>
            <html lang="en">
            <head>
            <meta charset="utf-8">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <meta name="color-scheme" content="light dark">
            <title>\(escaped(title))</title>
            <style>\(style)</style>
            </head>
            <body>
            <main>
            \(body.joined(separator: "\n"))
            </main>
            </body>
            </html>

            """
    }

    private static func facts(_ document: SweepDocument) -> String {
        let machine = document.machine
        let rows = [
            ("commit", document.commit), ("measured", document.date), ("system", machine.os),
            ("instruction sets", machine.isas.joined(separator: ", ")),
            (
                "caches",
                "L1d \(NumberText.bytes(machine.l1dBytes)), L2 \(NumberText.bytes(machine.l2Bytes)), last level "
                    + NumberText.bytes(machine.l3Bytes)
            ), ("threads", machine.backend + (document.settings.pinned ? ", pinned" : "")),
            (
                "method",
                "medians of at least \(document.settings.minimumRepetitions) repetitions and "
                    + "\(document.settings.minimumSeconds) s a case, kernels by turns, every case verified first"
            ),
        ]
        return "<dl>" + rows.map { "<dt>\($0.0)</dt><dd>\(escaped($0.1))</dd>" }.joined() + "</dl>"
    }

    private static func notes(_ document: SweepDocument) -> String {
        ResultsPage.notes(document).filter { !$0.isEmpty }.map { note in
            "<p class=\"note\">\(escaped(note.replacing("**", with: "")))</p>"
        }.joined()
    }

    private static func peaks(_ document: SweepDocument) -> TextTable {
        ResultsPage.peaks(document)
    }

    /// The picture as part of the page; nil if it was not drawn.
    private static func picture(_ figure: Figure, folder: String) -> String? {
        guard let data = FileManager.default.contents(atPath: "\(folder)/\(figure.name).svg") else { return nil }
        let text = "\(figure.title). \(figure.subtitle)."
        return """
            <figure id="\(escaped(figure.name))"><figcaption>\(escaped(text))</figcaption><div class="wide"><img alt="\(escaped(text))" \
            src="data:image/svg+xml;base64,\(data.base64EncodedString())"></div></figure>

            """
    }

    private static func table(_ table: TextTable) -> String { "<div class=\"wide\">\(table.html)</div>" }

    /// `text` with the characters that HTML reads as its own written out.
    static func escaped(_ text: String) -> String {
        text.replacing("&", with: "&amp;").replacing("<", with: "&lt;").replacing(">", with: "&gt;")
            .replacing("\"", with: "&quot;")
    }

    private static let style = """
        :root { color-scheme: light dark; --ink: #16191d; --paper: #ffffff; --rule: #d4d8dd; --soft: #f3f5f7; }
        @media (prefers-color-scheme: dark) { :root { --ink: #dde3ea; --paper: #15181c; --rule: #3a424b; --soft: #1e2329; } }
        * { box-sizing: border-box; }
        body { margin: 0; background: var(--paper); color: var(--ink); font: 16px/1.5 system-ui, sans-serif; }
        main { max-width: 1280px; margin: 0 auto; padding: 16px; }
        h1 { font-size: 1.6rem; line-height: 1.25; } h2 { margin-top: 2.5rem; } h3 { font-size: 1rem; margin: 2rem 0 .5rem; }
        dl { display: grid; grid-template-columns: max-content 1fr; gap: 2px 16px; }
        dt { opacity: .7; } dd { margin: 0; overflow-wrap: anywhere; }
        .wide { overflow-x: auto; }
        table { border-collapse: collapse; font-size: .9rem; font-variant-numeric: tabular-nums; }
        th, td { padding: 4px 8px; border-bottom: 1px solid var(--rule); white-space: nowrap; text-align: left; }
        th { background: var(--soft); } .number { text-align: right; }
        .note { border-left: 4px solid #e69f00; padding: 4px 12px; background: var(--soft); }
        figure { margin: 2rem 0; } figcaption { margin-bottom: .5rem; }
        img { display: block; width: 100%; min-width: 640px; height: auto; }
        summary { cursor: pointer; padding: 4px 0; }
        @media (max-width: 600px) { dl { grid-template-columns: 1fr; } dt { margin-top: 6px; } }
        """
}

extension TextTable {
    /// The table in HTML.
    var html: String {
        func cells(_ texts: [String], _ tag: String) -> String {
            let marked = zip(texts, alignments).map { text, alignment in
                "<\(tag)\(alignment == .right ? " class=\"number\"" : "")>\(HTMLReport.escaped(text))</\(tag)>"
            }
            return "<tr>\(marked.joined())</tr>"
        }
        return "<table><thead>\(cells(titles, "th"))</thead><tbody>\n"
            + rows.map { cells($0, "td") }.joined(separator: "\n") + "</tbody></table>"
    }
}
