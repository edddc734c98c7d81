using DistillEngine.Data.Tasks;
using Xunit;

namespace DistillEngine.Tests.Data.Tasks;

public class TemplateTests
{
    static readonly Dictionary<string, FieldValue> Values = new()
    {
        ["question"] = new("Where {{is}} it?"),
        ["choices"] = FieldValue.FromItems(["park", "café", "\"bank\""]),
    };

    [Fact]
    public void Render_OfTheBuiltInChoices_HasLettersAndNoFinalNewline() =>
        Assert.Equal("Where {{is}} it?\nAnswer Choices:\n(a) park\n(b) café\n(c) \"bank\"",
            TaskReader.Load("cqa").Student.Input.Render(Values));

    [Fact]
    public void Render_WithoutAValue_NamesTheVariable() =>
        Assert.Contains("'gold' has no value", Assert.Throws<ArgumentException>(() => Template.Parse("{{gold}}").Render(Values)).Message);

    [Fact]
    public void Render_OfAListAsText_IsRefused() => Assert.Throws<ArgumentException>(() => Template.Parse("{{choices}}").Render(Values));

    [Fact]
    public void Render_OfATextAsList_IsRefused() =>
        Assert.Throws<ArgumentException>(() => Template.Parse("{{#question}}x{{/question}}").Render(Values));

    [Fact]
    public void FromStored_OfAStoredList_GivesItsItems()
    {
        var items = FieldValue.FromItems(["a", "\"b\"\n"]);
        Assert.Equal(["a", "\"b\"\n"], FieldValue.FromStored(items.Text).Items!);
        Assert.Null(FieldValue.FromStored("[not json]").Items);
        Assert.Null(FieldValue.FromStored("[1, 2]").Items);
    }
}
