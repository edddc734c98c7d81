using System.Globalization;

namespace DistillEngine.Teacher.Replies;

/// <summary>Recursive descent over <c>+ - * / ( )</c> and decimal numbers; the caller bounds the text, and so the depth.</summary>
ref struct EquationParser(string text)
{
    readonly string _text = text;

    /// <summary>First character that was not read.</summary>
    public int Position { get; private set; }

    /// <summary>Whether no operation was read.</summary>
    public bool IsNumber { get; private set; } = true;

    /// <summary>Why nothing was read, ending in a full stop.</summary>
    public string Problem { get; private set; } = "";

    /// <param name="form">The student's form.</param>
    public bool TryParse(out string form, out double value)
    {
        (form, value) = Sum();
        return Problem.Length == 0;
    }

    (string Form, double Value) Sum()
    {
        var left = Product();
        while (Problem.Length == 0)
        {
            char sign = Peek();
            if (sign is not ('+' or '-')) break;
            Position++;
            var right = Product();
            left = Join(left, sign, right, sign == '+' ? left.Value + right.Value : left.Value - right.Value);
        }
        return left;
    }

    (string Form, double Value) Product()
    {
        var left = Signed();
        while (Problem.Length == 0)
        {
            char sign = Peek();
            if (sign is 'x' or 'X' && StartsOperand(Position + 1)) sign = '*';
            if (sign is not ('*' or '/')) break;
            Position++;
            var right = Signed();
            left = Join(left, sign, right, sign == '*' ? left.Value * right.Value : left.Value / right.Value);
        }
        return left;
    }

    (string Form, double Value) Signed()
    {
        if (Peek() != '-') return Atom();
        Position++;
        int start = Position;
        var operand = Signed();
        if (Problem.Length > 0) return operand;
        bool isLiteral = char.IsAsciiDigit(operand.Form[0]) && !_text.AsSpan(start, Position - start).Contains('(');
        return isLiteral ? ("-" + operand.Form, -operand.Value) : Join(("0.0", 0), '-', operand, -operand.Value);
    }

    (string Form, double Value) Atom()
    {
        char first = Peek();
        if (first == '(')
        {
            Position++;
            var inner = Sum();
            if (Problem.Length > 0) return inner;
            if (Peek() != ')') return Fail(Position == _text.Length ? "a parenthesis is not closed." : Unexpected());
            Position++;
            return inner;
        }
        int start = Position;
        while (Position < _text.Length && char.IsAsciiDigit(_text[Position])) Position++;
        int whole = Position - start;
        if (Position + 1 < _text.Length && _text[Position] == '.' && char.IsAsciiDigit(_text[Position + 1]))
        {
            Position++;
            while (Position < _text.Length && char.IsAsciiDigit(_text[Position])) Position++;
        }
        if (Position == start) return Fail(Position == _text.Length ? "it ends where a number should stand." : Unexpected());
        double value = double.Parse(_text.AsSpan(start, Position - start), NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture);
        return whole > 300 ? Fail("a number is too large.") : (Print(value), value);
    }

    (string Form, double Value) Join((string Form, double Value) left, char sign, (string Form, double Value) right, double value)
    {
        IsNumber = false;
        return ($"( {left.Form} {sign} {right.Form} )", value);
    }

    (string Form, double Value) Fail(string problem)
    {
        Problem = problem;
        return ("", double.NaN);
    }

    readonly string Unexpected()
    {
        int end = Position;
        while (end < _text.Length && char.IsLetter(_text[end])) end++;
        return $"{AnswerLabel.Quote(_text.AsSpan(Position, Math.Max(1, end - Position)))} is neither number nor operator.";
    }

    readonly bool StartsOperand(int index)
    {
        while (index < _text.Length && _text[index] is ' ' or '\t') index++;
        return index < _text.Length && (char.IsAsciiDigit(_text[index]) || _text[index] is '(' or '.');
    }

    /// <summary>The next character after blanks, or NUL at the end.</summary>
    char Peek()
    {
        while (Position < _text.Length && _text[Position] is ' ' or '\t') Position++;
        return Position < _text.Length ? _text[Position] : '\0';
    }

    static string Print(double value)
    {
        string digits = value.ToString("R", CultureInfo.InvariantCulture);
        return digits.AsSpan().ContainsAny(".E") ? digits : digits + ".0";
    }
}
