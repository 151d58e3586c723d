import Foundation

/// Attention maps as a page of their own: the picture, and under the pointer the query, the key and the weight.
enum MapPage {
    private struct Head: Encodable {
        var rows: Int
        var columns: Int
        var cells: [Double]
    }

    /// What the page's script knows.
    private struct Contents: Encodable {
        var heads: [String: Head]
        var queries: [String]
        var keys: [String]
    }

    /// The page.
    static func page(_ picture: MapPicture, title: String) throws -> String {
        let first = picture.maps.first
        let contents = Contents(
            heads: Dictionary(
                picture.maps.map { map in
                    let cells = map.cells.map { Double(String(format: "%.3g", Double($0))) ?? 0 }
                    return ("\(map.head)", Head(rows: map.rows.count, columns: map.columns.count, cells: cells))
                }
            ) { first, _ in first }, queries: (first?.rows ?? []).map(picture.queryLabels.name),
            keys: (first?.columns ?? []).map(picture.keyLabels.name))
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys]
        // A token may hold "</script>"; the less-than sign is the same character in JSON when it is written out.
        let json = String(decoding: try encoder.encode(contents), as: UTF8.self).replacing("<", with: "\\u003c")
        return """
            <!DOCTYPE html>
            <html lang="en">
            <head>
            <meta charset="utf-8">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <meta name="color-scheme" content="light dark">
            <title>\(HTMLReport.escaped(title))</title>
            <style>
            :root { color-scheme: light dark; --ink: #16191d; --paper: #ffffff; --soft: #f3f5f7; }
            @media (prefers-color-scheme: dark) { :root { --ink: #dde3ea; --paper: #15181c; --soft: #1e2329; } }
            body { margin: 0; padding: 16px; background: var(--paper); color: var(--ink); font: 16px/1.4 system-ui, sans-serif; }
            #told { position: sticky; top: 0; min-height: 3.2em; padding: 8px 12px; background: var(--soft); overflow-wrap: anywhere; }
            .wide { overflow-x: auto; } .wide svg { min-width: 480px; max-width: 100%; height: auto; }
            .map { cursor: crosshair; }
            </style>
            </head>
            <body>
            <h1>\(HTMLReport.escaped(title))</h1>
            <p id="told" aria-live="polite">Point at a cell.</p>
            <div class="wide">
            \(picture.svg)</div>
            <script id="weights" type="application/json">\(json)</script>
            <script>
            const weights = JSON.parse(document.getElementById('weights').textContent);
            const told = document.getElementById('told');
            function tell(event) {
              const map = event.currentTarget, data = weights.heads[map.dataset.head];
              const box = map.querySelector('.frame').getBoundingClientRect();
              const column = Math.floor((event.clientX - box.left) / box.width * data.columns);
              const row = Math.floor((event.clientY - box.top) / box.height * data.rows);
              if (row < 0 || column < 0 || row >= data.rows || column >= data.columns) return;
              told.textContent = map.dataset.name + ': query ' + weights.queries[row] + ' gives key '
                + weights.keys[column] + ' the weight ' + data.cells[row * data.columns + column];
            }
            for (const map of document.querySelectorAll('.map')) {
              map.addEventListener('pointermove', tell);
              map.addEventListener('pointerdown', tell);
            }
            </script>
            </body>
            </html>

            """
    }
}
