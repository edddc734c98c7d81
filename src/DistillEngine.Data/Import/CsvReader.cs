using System.Text;

namespace DistillEngine.Data.Import;

/// <summary>Reads CSV as RFC 4180 describes it: a header, quotes around cells, doubled quotes and line breaks within them; LF or CRLF.</summary>
sealed class CsvReader
{
    readonly string _path;
    readonly string _text;
    readonly char _separator;
    int _position;
    long _line = 1;

    /// <exception cref="InvalidDataException">The file is not UTF-8 or has no usable header.</exception>
    public CsvReader(string path)
    {
        _path = path;
        _separator = path.EndsWith(".tsv", StringComparison.OrdinalIgnoreCase) ? '\t' : ',';
        try
        {
            _text = File.ReadAllText(path, new UTF8Encoding(false, throwOnInvalidBytes: true));
        }
        catch (DecoderFallbackException)
        {
            throw DataError.At(path, 1, "", "the text is not UTF-8 (expected UTF-8; save the file in that encoding).");
        }
        Header = TryReadCells(out var cells) ? [.. cells] : [];
        if (Header.Distinct(StringComparer.Ordinal).Count() != Header.Length)
            throw DataError.At(path, 1, "", "the header names a column twice (expected different names).");
    }

    public string[] Header { get; }

    /// <param name="line">Line of the row's first character.</param>
    /// <returns>False at the end of the file.</returns>
    /// <exception cref="InvalidDataException">The row has another number of cells than the header, or a quote is not closed.</exception>
    public bool TryRead(out long line, out List<string> cells)
    {
        do
        {
            line = _line;
            if (!TryReadCells(out cells)) return false;
        }
        while (cells is [""]);
        if (cells.Count != Header.Length)
            throw DataError.At(_path, line, "", $"has {cells.Count} cells, the header {Header.Length} "
                + $"(expected as many, separated by {(_separator == '\t' ? "tabs" : "commas")}; put quotes around texts that hold one).");
        return true;
    }

    bool TryReadCells(out List<string> cells)
    {
        cells = [];
        if (_position >= _text.Length) return false;
        while (true)
        {
            cells.Add(ReadCell());
            if (_position >= _text.Length) return true;
            char c = _text[_position++];
            if (c == _separator) continue;
            if (c == '\r' && _position < _text.Length && _text[_position] == '\n') _position++;
            _line++;
            return true;
        }
    }

    string ReadCell()
    {
        if (_position >= _text.Length || _text[_position] != '"')
        {
            int end = _text.AsSpan(_position).IndexOfAny(_separator, '\n', '\r');
            int start = _position;
            _position = end < 0 ? _text.Length : start + end;
            return _text[start.._position];
        }
        long opened = _line;
        var cell = new StringBuilder();
        _position++;
        while (true)
        {
            int quote = _text.IndexOf('"', _position);
            if (quote < 0) throw DataError.At(_path, opened, "", "a quote is opened and never closed (expected a second one).");
            var part = _text.AsSpan(_position, quote - _position);
            cell.Append(part);
            _line += part.Count('\n');
            _position = quote + 1;
            if (_position < _text.Length && _text[_position] == '"')
            {
                cell.Append('"');
                _position++;
                continue;
            }
            if (_position < _text.Length && _text[_position] != _separator && _text[_position] is not ('\r' or '\n'))
                throw DataError.At(_path, _line, "",
                    "a text goes on after its closing quote (expected a separator or the end of the line; write quotes within a text twice).");
            return cell.ToString();
        }
    }
}
