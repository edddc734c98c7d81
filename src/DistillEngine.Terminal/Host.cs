using System.CommandLine;
using System.CommandLine.Invocation;
using System.CommandLine.Parsing;
using System.Globalization;
using System.Runtime.InteropServices;
using DistillEngine.Core;

namespace DistillEngine.Terminal;

/// <summary>What both programs do around their verbs: signals, and errors as one line and an exit code.</summary>
public static class Host
{
    /// <summary>Runs a program under signals: the first Ctrl+C or SIGTERM cancels, the second ends the process at once.</summary>
    /// <param name="stopping">What the user reads on the first signal.</param>
    /// <param name="run">The program, given what the first signal cancels.</param>
    /// <returns>The exit status.</returns>
    public static int UnderSignals(string stopping, Func<CancellationToken, int> run)
    {
        using var cancel = new CancellationTokenSource();
        using PosixSignalRegistration interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop);
        using PosixSignalRegistration terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop);
        return run(cancel.Token);

        void Stop(PosixSignalContext signal)
        {
            if (cancel.IsCancellationRequested) Environment.Exit(ExitCode.Interrupted);
            signal.Cancel = true;
            Console.Error.WriteLine(stopping);
            cancel.Cancel();
        }
    }

    /// <summary>Parses and runs a command line.</summary>
    /// <param name="program">Name of the program, which messages start with.</param>
    /// <param name="interrupted">What the user reads when a verb was cancelled.</param>
    /// <param name="codeOf">Exit code of the program's own errors whose messages are meant for a user; null for other errors.</param>
    /// <returns>The exit status.</returns>
    public static int Run(string program, RootCommand root, string[] args, Io io, string interrupted, Func<Exception, int?> codeOf)
    {
        // A text to answer may begin with @, which names no file of arguments.
        ParseResult parsed = root.Parse(args, new ParserConfiguration { ResponseFileTokenReplacer = null });
        if (parsed.Action is ParseErrorAction)
        {
            foreach (var problem in parsed.Errors) io.Error.WriteLine($"{program}: {MessageOf(problem)}");
            foreach (string word in parsed.UnmatchedTokens)
                if (Spelling.Closest(word, NamesIn(parsed.CommandResult.Command)) is { } meant)
                    io.Error.WriteLine($"{program}: did you mean '{meant}' instead of '{word}'?");
            io.Error.WriteLine($"See '{PathOf(program, parsed.CommandResult.Command)} --help'.");
            return ExitCode.Usage;
        }
        if (MisreadNumbers(parsed) is [_, ..] misread)
        {
            foreach (string problem in misread) io.Error.WriteLine($"{program}: {problem}");
            return ExitCode.Usage;
        }
        try
        {
            return parsed.Invoke(new InvocationConfiguration
            {
                Output = io.Output,
                Error = io.Error,
                EnableDefaultExceptionHandler = false,
                ProcessTerminationTimeout = null,
            });
        }
        catch (OperationCanceledException)
        {
            io.Error.WriteLine($"{program}: {interrupted}");
            return ExitCode.Interrupted;
        }
        catch (Exception e) when ((codeOf(e) ?? CodeOf(e)) is { } code)
        {
            io.Error.WriteLine($"{program}: {MessageOf(e)}");
            return code;
        }
    }

    /// <summary>What is wrong with fractions on the command line. The parser takes a comma for a separator of thousands, so that 0,5 would count as 5.</summary>
    static List<string> MisreadNumbers(ParseResult parsed)
    {
        var problems = new List<string>();
        for (SymbolResult? command = parsed.CommandResult; command is CommandResult { Children: var children }; command = command.Parent)
            foreach (OptionResult given in children.OfType<OptionResult>())
            {
                Type type = Nullable.GetUnderlyingType(given.Option.ValueType) ?? given.Option.ValueType;
                if (type != typeof(double) && type != typeof(float)) continue;
                foreach (Token token in given.Tokens)
                    if (!double.TryParse(token.Value, NumberStyles.Float, CultureInfo.InvariantCulture, out double value) || !double.IsFinite(value))
                        problems.Add($"{given.Option.Name} is '{token.Value}', expected a number with a decimal point, such as 0.5.");
            }
        return problems;
    }

    static IEnumerable<string> NamesIn(Command command) => command.Subcommands.Select(c => c.Name).Concat(command.Options.Select(o => o.Name));

    static string PathOf(string program, Command command) =>
        command.Parents.OfType<Command>().FirstOrDefault() is { } parent ? $"{PathOf(program, parent)} {command.Name}" : program;

    /// <summary>The parser's message; where it names a type of the runtime, one in words.</summary>
    static string MessageOf(ParseError problem)
    {
        SymbolResult? result = problem.SymbolResult;
        while (result is not (null or OptionResult)) result = result.Parent;
        return result is OptionResult { Option: var option } given && problem.Message.Contains($"'{option.ValueType}'", StringComparison.Ordinal)
            ? $"{option.Name} is '{string.Join(' ', given.Tokens.Select(token => token.Value))}', expected {InWords(option.ValueType)}."
            : problem.Message;
    }

    static string InWords(Type type) => (Nullable.GetUnderlyingType(type) ?? type) switch
    {
        var t when t == typeof(int) => $"a whole number up to {int.MaxValue}",
        var t when t == typeof(long) => "a whole number",
        var t when t == typeof(ulong) => "a whole number, at least 0",
        _ => "a number",
    };

    /// <summary>The message without the name of a parameter, which means nothing to a user.</summary>
    static string MessageOf(Exception e) => e is ArgumentException { ParamName: { } name } ? e.Message.Replace($" (Parameter '{name}')", "") : e.Message;

    /// <summary>Exit code of an error whose message is meant for a user; null for a bug, which keeps its stack trace.</summary>
    static int? CodeOf(Exception e) => e switch
    {
        InvalidDataException or FileNotFoundException or DirectoryNotFoundException => ExitCode.Invalid,
        UsageException or ArgumentException => ExitCode.Usage,
        IOException or UnauthorizedAccessException or InsufficientMemoryException or DeviceException => ExitCode.Failure,
        _ => null,
    };
}
