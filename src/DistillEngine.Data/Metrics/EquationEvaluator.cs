using System.Globalization;

namespace DistillEngine.Data.Metrics;

/// <summary>
/// Value of an arithmetic text, in double: decimal numbers as Python reads them, <c>+ - * / // % **</c> with Python's precedence and signs,
/// and parentheses, within which line breaks are blanks. Everything else, and what Python refuses to compute (division by zero, overflow of
/// a power, a fractional power of a negative number), is NaN.
/// </summary>
/// <remarks>Stands in for the published metric, which hands the model's text to Python's <c>eval</c>. Grammar: Python reference, section
/// 6.</remarks>
public static class EquationEvaluator
{
    /// <summary>Deepest nesting that is followed; CPython's tokenizer refuses more parentheses than these.</summary>
    const int MaxDepth = 200;

    /// <summary>The value, or NaN. Never throws, whatever the text.</summary>
    public static double Evaluate(ReadOnlySpan<char> text) => Evaluate(text, hasLogic: false);

    /// <summary>The same with Python's <c>and</c> and <c>or</c>, which the published teacher accuracy also gives a value: of two numbers,
    /// <c>and</c> takes the first if it is zero, else the second; <c>or</c> the other way round.</summary>
    public static double EvaluateWithLogic(ReadOnlySpan<char> text) => Evaluate(text, hasLogic: true);

    static double Evaluate(ReadOnlySpan<char> text, bool hasLogic)
    {
        // Python strips blanks before an expression, and lines after it.
        var parser = new Parser(text.TrimStart(" \t\f\n\r").TrimEnd(" \t\f\n\r"), text, hasLogic);
        double value = parser.Expression(0);
        return parser.HasFailed || !parser.IsAtEnd ? double.NaN : value;
    }

    ref struct Parser
    {
        readonly ReadOnlySpan<char> _text;
        readonly bool _hasLogic;
        int _position;
        int _open;

        public Parser(ReadOnlySpan<char> text, ReadOnlySpan<char> untrimmed, bool hasLogic)
        {
            _text = text;
            _hasLogic = hasLogic;
            // A blank at the start of a later line is an indentation error, also where nothing follows it.
            int first = untrimmed.IndexOf(text);
            HasFailed = IsIndented(untrimmed[..first], "\n\r\f") || IsIndented(untrimmed[(first + text.Length)..], "\n\r");
        }

        public bool HasFailed { get; private set; }

        public bool IsAtEnd
        {
            get
            {
                SkipBlanks();
                return _position == _text.Length;
            }
        }

        /// <summary>A whole text, or what stands in parentheses: <c>or</c> binds least.</summary>
        public double Expression(int depth)
        {
            double value = Conjunction(depth);
            while (_hasLogic && !HasFailed && TakeWord("or"))
            {
                double other = Conjunction(depth);
                if (value == 0) value = other;
            }
            return value;
        }

        double Conjunction(int depth)
        {
            double value = Sum(depth);
            while (_hasLogic && !HasFailed && TakeWord("and"))
            {
                double other = Sum(depth);
                if (value != 0) value = other;
            }
            return value;
        }

        /// <summary>Terms joined by <c>+</c> and <c>-</c>.</summary>
        double Sum(int depth)
        {
            double value = Product(depth);
            while (!HasFailed)
            {
                if (Take('+')) value += Product(depth);
                else if (Take('-')) value -= Product(depth);
                else break;
            }
            return value;
        }

        double Product(int depth)
        {
            double value = Signed(depth);
            while (!HasFailed)
            {
                if (Take("//")) value = FloorDivide(value, Signed(depth), out _);
                else if (Take('/')) value = Divide(value, Signed(depth));
                else if (Take('%')) FloorDivide(value, Signed(depth), out value);
                else if (!Peek("**") && Take('*')) value *= Signed(depth);
                else break;
            }
            return value;
        }

        /// <summary>Signs bind less than <c>**</c> on their right: −2 ** 2 is −4.</summary>
        double Signed(int depth)
        {
            bool isNegative = false;
            while (true)
            {
                if (Take('-')) isNegative = !isNegative;
                else if (!Take('+')) break;
            }
            double value = Power(depth);
            return isNegative ? -value : value;
        }

        double Power(int depth)
        {
            if (depth > MaxDepth) return Fail();
            double value = Atom(depth);
            if (HasFailed || !Take("**")) return value;
            double exponent = Signed(depth + 1);
            double power = Math.Pow(value, exponent);
            // Python raises for 0 to a negative power and for overflow; both give an infinity here from finite operands.
            return double.IsInfinity(power) && double.IsFinite(value) && double.IsFinite(exponent) ? Fail() : power;
        }

        double Atom(int depth)
        {
            SkipBlanks();
            if (_position == _text.Length) return Fail();
            if (!Take('(')) return Number();
            if (++_open > MaxDepth) return Fail();
            double value = Expression(depth + 1);
            // The blanks before the closing parenthesis are still within it.
            if (HasFailed || !Take(')')) return Fail();
            _open--;
            return value;
        }

        double Number()
        {
            int start = _position;
            int whole = Digits();
            bool isInteger = true;
            int fraction = 0;
            if (_position < _text.Length && _text[_position] == '.')
            {
                isInteger = false;
                _position++;
                fraction = Digits();
            }
            if (HasFailed || whole + fraction == 0) return Fail();
            if (_position < _text.Length && _text[_position] is 'e' or 'E')
            {
                isInteger = false;
                _position++;
                if (_position < _text.Length && _text[_position] is '+' or '-') _position++;
                if (Digits() == 0) return Fail();
            }
            var literal = _text[start.._position];
            if (HasFailed || (_position < _text.Length && (char.IsLetterOrDigit(_text[_position]) || _text[_position] is '_' or '.')))
                return Fail();
            // Python refuses integers with leading zeros, other than zero itself.
            if (isInteger && literal[0] == '0' && literal.ContainsAnyExcept('0', '_')) return Fail();
            double value = Parse(literal);
            return isInteger && double.IsInfinity(value) ? Fail() : value;
        }

        static double Parse(ReadOnlySpan<char> literal) => literal.Contains('_')
            ? double.Parse(literal.ToString().Replace("_", ""), NumberStyles.Float, CultureInfo.InvariantCulture)
            : double.Parse(literal, NumberStyles.Float, CultureInfo.InvariantCulture);

        /// <summary>Passes digits, between which single underscores may stand, and returns how many there were.</summary>
        int Digits()
        {
            int count = 0;
            while (_position < _text.Length)
            {
                if (char.IsAsciiDigit(_text[_position])) count++;
                else if (count == 0 || _text[_position] != '_' || _position + 1 >= _text.Length
                    || !char.IsAsciiDigit(_text[_position + 1])) break;
                _position++;
            }
            return count;
        }

        double Divide(double a, double b) => b == 0 ? Fail() : a / b;

        /// <summary>CPython's float_floor_div and float_rem: the remainder has the sign of the divisor.</summary>
        double FloorDivide(double a, double b, out double remainder)
        {
            remainder = double.NaN;
            if (b == 0) return Fail();
            remainder = a % b;
            double quotient = (a - remainder) / b;
            if (remainder != 0)
            {
                if (b < 0 != remainder < 0)
                {
                    remainder += b;
                    quotient -= 1;
                }
            }
            else
            {
                remainder = Math.CopySign(0, b);
            }
            if (quotient == 0) return Math.CopySign(0, a / b);
            double floor = Math.Floor(quotient);
            return quotient - floor > 0.5 ? floor + 1 : floor;
        }

        static bool IsIndented(ReadOnlySpan<char> blanks, ReadOnlySpan<char> lineStarts) =>
            blanks.ContainsAny(lineStarts) && !lineStarts.Contains(blanks[^1]);

        double Fail()
        {
            HasFailed = true;
            return double.NaN;
        }

        bool Peek(string symbol)
        {
            SkipBlanks();
            return _text[_position..].StartsWith(symbol, StringComparison.Ordinal);
        }

        bool Take(string symbol)
        {
            if (!Peek(symbol)) return false;
            _position += symbol.Length;
            return true;
        }

        /// <summary>A word that no letter or digit follows.</summary>
        bool TakeWord(string word)
        {
            if (!Peek(word)) return false;
            int end = _position + word.Length;
            if (end < _text.Length && (char.IsLetterOrDigit(_text[end]) || _text[end] == '_')) return false;
            _position = end;
            return true;
        }

        bool Take(char symbol)
        {
            SkipBlanks();
            if (_position == _text.Length || _text[_position] != symbol) return false;
            _position++;
            return true;
        }

        void SkipBlanks()
        {
            while (_position < _text.Length && (_text[_position] is ' ' or '\t' or '\f' || (_open > 0
                && _text[_position] is '\n' or '\r'))) _position++;
        }
    }
}
